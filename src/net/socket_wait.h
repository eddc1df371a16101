// Waiting for sockets, on threads that may block.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>

namespace postern::net {

/// poll(2) up to the deadline: the number of sockets that are ready; 0: the deadline has passed;
/// -1: the wait failed. What is ready counts even if the deadline has passed long ago: the process
/// may have stood still (SIGSTOP, a frozen machine) while the answer came. Thread-safe.
int poll_until(std::span<pollfd> sockets, std::chrono::steady_clock::time_point deadline);

/// Waits until the socket is ready for `events` of poll(2). False: the deadline has passed, or the
/// wait failed. As poll_until().
bool wait_for_socket(int descriptor, short events, std::chrono::steady_clock::time_point deadline);

/// For how long in all the calling thread has been kept in poll_until() beyond the time that it
/// asked for, as it is by a process that stands still. Rises.
std::chrono::nanoseconds stood_still();

}  // namespace postern::net
