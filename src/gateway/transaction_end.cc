// The end of a transaction, and what the session keeps of it.
#include <algorithm>
#include <utility>

#include "gateway/transaction.h"

namespace postern::gateway {

using policy::Stage;

void Transaction::settle(const smtp::Reply& reply) {
  if (reply.positive()) sighted_.clear();
  if (trace_) trace_->reply = reply;
  finish(reply.positive() ? "accepted" : reply.temporary() ? "deferred" : "rejected");
}

void Transaction::drop_message() {
  for (const auto& key : std::exchange(sighted_, {})) services_.sightings.withdraw(key);
  dkim_seen_ = 0;
  message_.reset();
  authentication_.reset();
  work_.reset();
}

void Transaction::finish(std::string_view outcome) {
  if (trace_) {
    trace_->outcome = outcome;
    policy::SessionFacts session = evidence_.session;
    trace_->evidence = std::exchange(evidence_, {});
    evidence_.session = std::move(session);
    // The charge moves to the trace and lasts until the trace is written.
    trace_->charge = std::make_shared<MemoryCharge>(
        std::exchange(charge_, MemoryCharge(services_.resources.memory())));
    services_.recorder.ended(std::move(*trace_));
    trace_.reset();
  }
  drop_message();
  evidence_.reset_transaction();
  forget_fates(Stage::mail);
  accepted_ = std::unordered_set<std::string>();
  recount();
}

void Transaction::aborted() {
  // Only refusals get a trace of their own; an abandoned transaction decided nothing.
  const bool refused =
      trace_ && std::any_of(trace_->decisions.begin(), trace_->decisions.end(), policy::refused);
  if (trace_ && !refused) {
    before_ = std::move(trace_->decisions);
    std::erase_if(before_, [](const policy::Decision& one) { return one.stage >= Stage::mail; });
    trace_.reset();
  }
  if (refused || message_ || evidence_.reverse_path || !evidence_.recipients.empty()) {
    finish(!refused ? "aborted" : trace_->settled().temporary() ? "deferred" : "rejected");
  } else {
    evidence_.reset_transaction();
    forget_fates(Stage::mail);
    recount();
  }
}

void Transaction::tls_begins() {
  aborted();
  std::vector<policy::Decision> kept = std::exchange(before_, {});
  std::erase_if(kept, [](const policy::Decision& one) { return one.stage != Stage::connect; });
  for (policy::Decision& one : kept) one.before_tls = true;
  Fate at_connect = std::move(fates_[static_cast<std::size_t>(Stage::connect)]);
  forget_session();
  before_ = std::move(kept);
  fates_[static_cast<std::size_t>(Stage::connect)] = std::move(at_connect);
}

void Transaction::forget_fates(Stage from) {
  for (std::size_t i = static_cast<std::size_t>(from); i < fates_.size(); ++i) fates_[i] = {};
}

void Transaction::forget_session() {
  aborted();
  before_.clear();
  forget_fates(Stage::connect);
  evidence_.session.helo.clear();
  evidence_.session.esmtp = false;
  evidence_.session.auth.reset();
  evidence_.session.revoked.reset();
  if (auto& script = evidence_.session.script) {
    script->greeted_as.clear();
    script->meta = script->meta_at_connect;
    script->offered.reset();
  }
}

}  // namespace postern::gateway
