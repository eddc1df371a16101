#include "serve/trace_watch.h"

namespace postern::app {

TraceWatch::Watched::Watched(TraceWatch& watch, Client client)
    : watch_(watch), client_(std::move(client)) {
  const std::lock_guard lock(watch_.mutex_);
  watch_.ids_[client_].reset();
  watch_.watched_ = watch_.ids_.size();
}

TraceWatch::Watched::~Watched() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.ids_.erase(client_);
  watch_.watched_ = watch_.ids_.size();
}

std::optional<std::string> TraceWatch::Watched::trace_id() const {
  const std::lock_guard lock(watch_.mutex_);
  return watch_.ids_.at(client_);
}

void TraceWatch::ended(const policy::Trace& trace) {
  if (watched_ == 0) return;
  const policy::SessionFacts& session = trace.evidence.session;
  const std::lock_guard lock(mutex_);
  const auto found = ids_.find({session.client_ip, session.client_port});
  if (found != ids_.end()) found->second = trace.id;
}

}  // namespace postern::app
