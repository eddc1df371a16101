#include "cluster/edit_bell.h"

#include <thread>

#include <poll.h>  // POLLIN

#include "net/socket_wait.h"

namespace postern::cluster {
namespace {

/// Between two tries to connect: the log of edits is read without this session, too.
constexpr std::chrono::seconds between_bell_connects{2};

}  // namespace

/// Whether the session has just begun to listen.
bool EditBell::listen() {
  if (Clock::now() < next_try_) return false;
  next_try_ = Clock::now() + between_bell_connects;
  auto session = database_.connect();
  if (!session) return false;
  const auto heard =
      (*session)->run({.sql = "LISTEN postern_change", .values = {}}, Clock::now() + answer_limit);
  if (!heard) return false;
  session_ = std::move(*session);
  return true;
}

void EditBell::wait(std::chrono::milliseconds longest) {
  const auto until = Clock::now() + longest;
  if (session_ && !session_->usable()) session_.reset();
  if (!session_ && listen()) return;
  while (session_) {
    if (session_->notified()) return;
    if (!session_->usable()) {
      session_.reset();
    } else if (!net::wait_for_socket(session_->descriptor(), POLLIN, until)) {
      return;
    }
  }
  std::this_thread::sleep_until(until);
}

}  // namespace postern::cluster
