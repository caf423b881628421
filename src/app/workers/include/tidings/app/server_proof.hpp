// How the server shows a worker that it is the one of the data folder, and nobody who came to its port after it.
#pragma once

namespace tidings::app {

// The subject of a token that the server signs with the folder's secret for who asked with a nonce: this and the nonce.
inline constexpr const char* kServerProof = "tidings:server:";

}  // namespace tidings::app
