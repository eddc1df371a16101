// Waiting for a socket, on threads that may block.
#pragma once

#include <chrono>

namespace postern::net {

/// Waits until the socket is ready for `events` of poll(2). False: the deadline has passed, or the
/// wait failed. Thread-safe.
bool wait_for_socket(int descriptor, short events, std::chrono::steady_clock::time_point deadline);

}  // namespace postern::net
