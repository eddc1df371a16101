#include "serve/replay_port.h"

#include <algorithm>
#include <chrono>

#include "base/thread.h"
#include "base/ulid.h"
#include "replay/run.h"

namespace postern::app {

namespace {

using Status = admin::ReplayState::Status;

constexpr std::size_t most_kept = 20;

}  // namespace

ReplayPort::ReplayPort(store::TraceWriter& writer, std::string path, DraftOf draft_of,
                       dns::Resolver& resolver)
    : writer_(writer),
      path_(std::move(path)),
      draft_of_(std::move(draft_of)),
      resolver_(resolver) {}

ReplayPort::~ReplayPort() { wait(); }

void ReplayPort::wait() {
  close();
  if (thread_.joinable()) thread_.join();
}

void ReplayPort::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  stop_ = true;
}

Result<std::string> ReplayPort::start(admin::ReplayRequest request) {
  const std::lock_guard lock(mutex_);
  if (closed_) return fail(Fault::temporary, "the gateway is stopping");
  if (!states_.empty() && states_.front().status == Status::running) {
    return fail(Fault::conflict, "a replay is running: " + states_.front().id);
  }
  if (thread_.joinable()) thread_.join();  // the thread has finished its work
  stop_ = false;
  states_.push_front({.id = new_id("rep_"), .created_at = store::now()});
  if (states_.size() > most_kept) states_.pop_back();
  thread_ = named_thread(
      "replay", [this, request = std::move(request)]() mutable { run(std::move(request)); });
  return states_.front().id;
}

std::optional<admin::ReplayState> ReplayPort::state(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(states_.begin(), states_.end(),
                                  [&](const admin::ReplayState& one) { return one.id == id; });
  return found == states_.end() ? std::nullopt : std::optional(*found);
}

std::vector<admin::ReplayState> ReplayPort::states() {
  const std::lock_guard lock(mutex_);
  return {states_.begin(), states_.end()};
}

void ReplayPort::stop(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (!states_.empty() && states_.front().id == id) stop_ = true;
}

bool ReplayPort::note_progress(std::uint64_t done) {
  const std::lock_guard lock(mutex_);
  states_.front().done = done;
  return !stop_;
}

Result<boost::json::object> ReplayPort::replay(const admin::ReplayRequest& request) {
  writer_.flush();
  const auto traces = store::TraceReader::open(path_);
  if (!traces) return tl::unexpected(traces.error());
  const auto span = (*traces)->span(request.since, request.limit);
  if (!span) return tl::unexpected(span.error());
  {
    const std::lock_guard lock(mutex_);
    states_.front().all = span->count;
  }
  const replay::Draft draft = draft_of_(request.lists);
  const auto tally =
      replay::replay_traces(replay::source_of(**traces), *span, draft,
                            {.samples = request.samples,
                             .policies = request.policies,
                             .in_background = true,
                             .dns_now = &resolver_,
                             .stop = &stop_},
                            [this](std::uint64_t done) { return note_progress(done); });
  if (!tally) return tl::unexpected(tally.error());
  return tally->json();
}

void ReplayPort::run(admin::ReplayRequest request) {
  const auto began = std::chrono::steady_clock::now();
  Result<boost::json::object> found = fail(Fault::bug, "internal error");
  try {
    found = replay(request);
  } catch (const std::exception& error) {
    found = fail(Fault::bug, error.what());
  }
  const std::lock_guard lock(mutex_);
  admin::ReplayState& state = states_.front();
  state.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  state.status = !found ? Status::failed : stop_ ? Status::stopped : Status::done;
  if (found) {
    state.result = std::move(*found);
  } else {
    state.error = found.error().message;
  }
}

}  // namespace postern::app
