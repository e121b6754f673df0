// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC5192} from "./IERC5192.sol";
import {IMeetingPass} from "./IMeetingPass.sol";

/// @title The right to enter one meeting
/// @notice One token per sold auction, with the auction's id. Who owns it may enter the meeting's room and, should the
/// host never come, is the one refunded. It is burned when the meeting is over.
/// @dev Deployed by the auction contract, which is thereby its only minter, with no window in between and no role that
/// could be granted to anyone else.
contract MeetingPass is ERC721, IMeetingPass {
    /// @inheritdoc IMeetingPass
    address public immutable auction;

    /// @dev Only transferable passes are written down: locked is the default, and cheaper to mint.
    mapping(uint256 tokenId => bool) private _transferable;

    modifier onlyAuction() {
        if (msg.sender != auction) revert NotTheAuction(msg.sender);
        _;
    }

    constructor() ERC721("Meeting Pass", "MEET") {
        auction = msg.sender;
    }

    /// @inheritdoc IMeetingPass
    function mint(address to, uint256 tokenId, bool transferable) external onlyAuction {
        _mint(to, tokenId);
        if (transferable) {
            _transferable[tokenId] = true;
            emit Unlocked(tokenId);
        } else {
            emit Locked(tokenId);
        }
    }

    /// @inheritdoc IMeetingPass
    function burn(uint256 tokenId) external onlyAuction returns (address holder) {
        holder = _requireOwned(tokenId);
        _burn(tokenId);
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        _requireOwned(tokenId);
        return !_transferable[tokenId];
    }

    /// @notice ERC-165, with EIP-5192 besides the interfaces of ERC-721.
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return interfaceId == type(IERC5192).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @dev Every change of owner passes here. Minting (nobody owned it) and burning (nobody will) are always allowed;
    /// anything else is a transfer. `_transferable` outlives the burn, which is harmless because an auction's pass is
    /// minted once.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        if (from != address(0) && to != address(0) && !_transferable[tokenId]) revert PassLocked(tokenId);
    }
}
