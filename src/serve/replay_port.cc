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
constexpr std::string_view kind_of_job = "replay";
constexpr std::chrono::seconds between_notes{1};
constexpr int tries_of_end = 3;

namespace json = boost::json;

/// What other gateways show, without the result.
std::string job_text(const admin::ReplayState& state) {
  return json::serialize(json::object{{"status", static_cast<int>(state.status)},
                                      {"done", state.done},
                                      {"all", state.all},
                                      {"seconds", state.seconds},
                                      {"error", state.error},
                                      {"created_at", store::to_millis(state.created_at)}});
}

/// What text_of() said, at this gateway or another one. Words that it does not know are left out.
admin::ReplayState state_of(const cluster::Job& job) {
  admin::ReplayState state{.id = job.id};
  boost::system::error_code bad;
  const json::value value = json::parse(job.state, bad);
  const json::object* told = bad ? nullptr : value.if_object();
  const auto number = [&](std::string_view name) {
    const json::value* found = told != nullptr ? told->if_contains(name) : nullptr;
    boost::system::error_code none;
    return found != nullptr ? found->to_number<double>(none) : 0.0;
  };
  state.done = static_cast<std::uint64_t>(number("done"));
  state.all = static_cast<std::uint64_t>(number("all"));
  state.seconds = number("seconds");
  state.created_at = store::from_millis(static_cast<std::int64_t>(number("created_at")));
  state.status = number("status") == static_cast<int>(Status::done)      ? Status::done
                 : number("status") == static_cast<int>(Status::stopped) ? Status::stopped
                 : job.is_running                                        ? Status::running
                                                                         : Status::failed;
  if (state.status == Status::failed) {
    const json::value* error = told != nullptr ? told->if_contains("error") : nullptr;
    if (error != nullptr && error->is_string()) state.error = error->as_string();
    if (state.error.empty()) state.error = "its gateway has stopped";
  }
  return state;
}

}  // namespace

ReplayPort::ReplayPort(store::TraceWriter& writer, std::string path, DraftOf draft_of,
                       dns::Resolver& resolver, std::unique_ptr<cluster::SharedJobs> jobs)
    : writer_(writer),
      path_(std::move(path)),
      draft_of_(std::move(draft_of)),
      resolver_(resolver),
      jobs_(std::move(jobs)) {}

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
  admin::ReplayState begun{.id = new_id("rep_"), .created_at = store::now()};
  if (jobs_) {
    const auto running = jobs_->begin(kind_of_job, begun.id, job_text(begun));
    if (!running) return fail(Fault::temporary, running.error().message);
    if (*running != begun.id) {
      return fail(Fault::conflict, "a replay is running at another gateway: " + *running);
    }
  }
  if (thread_.joinable()) thread_.join();  // the thread has finished its work
  stop_ = false;
  told_at_ = std::chrono::steady_clock::now();
  states_.push_front(std::move(begun));
  if (states_.size() > most_kept) states_.pop_back();
  thread_ = named_thread(
      "replay", [this, request = std::move(request)]() mutable { run(std::move(request)); });
  return states_.front().id;
}

std::optional<admin::ReplayState> ReplayPort::state(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(states_.begin(), states_.end(),
                                    [&](const admin::ReplayState& one) { return one.id == id; });
    if (found != states_.end()) return *found;
  }
  if (!jobs_) return std::nullopt;
  const auto all = jobs_->list(kind_of_job);
  if (!all) return std::nullopt;
  const auto job = std::ranges::find(*all, id, &cluster::Job::id);
  if (job == all->end()) return std::nullopt;
  admin::ReplayState state = state_of(*job);
  boost::system::error_code bad;
  json::value result = json::parse(jobs_->result(id).value_or(std::string()), bad);
  if (!bad && result.is_object()) state.result = std::move(result.as_object());
  return state;
}

std::vector<admin::ReplayState> ReplayPort::states() {
  std::vector<admin::ReplayState> all;
  {
    const std::lock_guard lock(mutex_);
    all.assign(states_.begin(), states_.end());
  }
  if (!jobs_) return all;
  const auto jobs = jobs_->list(kind_of_job);
  if (!jobs) return all;
  for (const cluster::Job& job : *jobs) {
    const bool is_own = std::ranges::find(all, job.id, &admin::ReplayState::id) != all.end();
    if (!is_own) all.push_back(state_of(job));
  }
  std::ranges::sort(all, std::greater(), &admin::ReplayState::created_at);
  if (all.size() > most_kept) all.resize(most_kept);
  return all;
}

void ReplayPort::stop(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    if (!states_.empty() && states_.front().id == id) stop_ = true;
  }
  if (jobs_) static_cast<void>(jobs_->stop(id));
}

/// While the database is away the replay goes on, and nobody else sees how far.
bool ReplayPort::note_progress(std::uint64_t done) {
  std::string id;
  std::string state;
  {
    const std::lock_guard lock(mutex_);
    states_.front().done = done;
    if (!jobs_ || std::chrono::steady_clock::now() - told_at_ < between_notes) return !stop_;
    id = states_.front().id;
    state = job_text(states_.front());
  }
  if (jobs_->note(id, state).value_or(false)) stop_ = true;
  told_at_ = std::chrono::steady_clock::now();
  return !stop_;
}

/// Others take it for one that was not finished if they do not hear of it.
void ReplayPort::tell_end(const admin::ReplayState& state) {
  if (!jobs_) return;
  const std::string result = state.result.empty() ? "" : json::serialize(state.result);
  for (int tries = 0; tries < tries_of_end; ++tries) {
    if (jobs_->end(state.id, job_text(state), result)) return;
  }
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
  admin::ReplayState state;
  {
    const std::lock_guard lock(mutex_);
    state = states_.front();
  }
  state.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  state.status = !found ? Status::failed : stop_ ? Status::stopped : Status::done;
  if (found) {
    state.result = std::move(*found);
  } else {
    state.error = found.error().message;
  }
  tell_end(state);
  const std::lock_guard lock(mutex_);
  states_.front() = std::move(state);
}

}  // namespace postern::app
