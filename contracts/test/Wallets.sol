// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A contract wallet as people use them
/// @notice Accepts the signature of its owner's key (EIP-1271).
contract OwnedWallet {
    address public immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address signer = ecrecover(hash, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        return signer != address(0) && signer == OWNER ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @title A contract that answers every question in one odd way
/// @notice The way is chosen when it is deployed; see `fallback`.
contract OddWallet {
    uint256 private immutable WAY;

    constructor(uint256 way) {
        WAY = way;
    }

    fallback() external payable {
        uint256 way = WAY;
        assembly {
            switch way
            // The right answer, to whatever it is asked.
            case 0 {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 32)
            }
            // Gives back its call data, which begin with the selector, which is the magic value.
            case 1 {
                calldatacopy(0, 0, calldatasize())
                return(0, calldatasize())
            }
            // The magic value and nothing behind it.
            case 2 {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 4)
            }
            // The magic value at the other end of the word.
            case 3 {
                mstore(0, 0x1626ba7e)
                return(0, 32)
            }
            // "true", as a wallet might think.
            case 4 {
                mstore(0, 1)
                return(0, 32)
            }
            case 5 {
                revert(0, 0)
            }
            // Refuses with the very answer that would be a yes.
            case 6 {
                mstore(0, shl(224, 0x1626ba7e))
                revert(0, 32)
            }
            // Burns whatever gas it is given.
            case 7 {
                for {} 1 {} {}
            }
            // As much as its gas buys, beginning with a yes.
            case 8 {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 1000000)
            }
            case 9 {
                invalid()
            }
            default {
                return(0, 0)
            }
        }
    }
}
