// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC5192} from "./IERC5192.sol";

/// @title What the auction contract needs of the access pass
interface IMeetingPass is IERC721, IERC5192 {
    /// @notice Only the auction contract may mint and burn.
    error NotTheAuction(address caller);
    /// @notice The auction sold this pass as not transferable.
    error PassLocked(uint256 tokenId);

    /// @notice The contract that alone may mint and burn passes. Fixed at deployment.
    function auction() external view returns (address);

    /// @notice Creates the pass of an auction. The token id is the auction id, so while a pass exists a second one
    /// cannot be made.
    /// @dev Calls no receiver hook: a winner without `onERC721Received`, or with a hostile one, must not be able to
    /// stop the mint of anyone in the same batch.
    function mint(address to, uint256 tokenId, bool transferable) external;

    /// @notice Destroys a pass, whoever owns it, and says who that was.
    function burn(uint256 tokenId) external returns (address holder);
}
