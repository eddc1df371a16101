// The part of an Instance that ends it, always in this order:
//
//   1. Nothing new is accepted: no session, no long job, no job for a waiter on a loop that ends.
//   2. Work in progress ends or is told that it is cut. Loops, pools and the API still run, as
//      mail in progress needs them: a webhook fetches attachments here before it answers.
//   3. Threads end: first the API's answers, then pools, loops and what they called.
//   4. Coroutines that still wait on loops are destroyed while everything they refer to exists.
//   5. Owners are destroyed in the order of their dependencies.
#include <algorithm>

#include <unistd.h>

#include "config/reaper.h"
#include "serve/instance.h"

namespace postern::app {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds look_at_stop{10};
/// Minimum time for requests of the API, even if sessions used up the limit.
constexpr milliseconds last_answers{1000};

milliseconds left_until(steady_clock::time_point end) {
  return std::max(milliseconds(0),
                  std::chrono::duration_cast<milliseconds>(end - steady_clock::now()));
}

}  // namespace

Instance::~Instance() { stop(milliseconds(0)); }

std::size_t Instance::stop(milliseconds limit) {
  if (stopped_) return 0;
  stopped_ = true;
  refuse_new_work();
  const std::size_t cut = let_work_end(limit);
  stop_threads();
  destroy_what_waits();
  destroy_owners();
  return cut;
}

void Instance::refuse_new_work() {
  stopping_ = true;
  if (server_) server_->close();
  if (api_) api_->stop();
  if (replay_port_) replay_port_->close();
  if (queue_port_) queue_port_->close();
  if (spool_) spool_->stop_verifying();
  // Its jobs query the queue's loop, which runs until they are done.
  if (queue_pool_) queue_pool_->stop();
}

std::size_t Instance::let_work_end(milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  const std::size_t cut = server_ ? server_->drain(limit) : 0;
  if (outbound_) outbound_->drain(left_until(end));
  if (!http_) return cut;
  http_->stop();
  const auto answered =
      limit == milliseconds(0) ? end : std::max(end, steady_clock::now() + last_answers);
  while (api_thread_.joinable() && http_->connections() > 0 && steady_clock::now() < answered) {
    std::this_thread::sleep_for(look_at_stop);
  }
  return cut;
}

void Instance::stop_threads() {
  if (!control_.url.empty()) ::unlink(control_path(data_dir_).c_str());
  control_.url.clear();
  heartbeat_.reset();  // it asks the loops
  // Sessions still ask it how far it is.
  if (follower_) follower_->stop();
  if (replay_port_) replay_port_->wait();
  const auto pools = {
      auth_pool_.get(),   source_pool_.get(),  account_pool_.get(),
      disk_pool_.get(),   payload_pool_.get(), heavy_pool_.get(),
      lookup_pool_.get(), route_pool_.get(),   plan_desk_ ? &plan_desk_->pool() : nullptr};
  for (net::WorkPool* pool : pools) {
    if (pool != nullptr) pool->refuse();
  }
  for (net::WorkPool* pool : pools) {
    if (pool != nullptr) pool->stop();
  }
  if (outbound_) outbound_->halt();
  if (server_) server_->halt();
  api_loop_.stop();
  if (api_thread_.joinable()) api_thread_.join();
  // Policies last: a thread that creates a state of one waits for its loop.
  for (const auto& script : scripts_) {
    if (const auto running = script.lock()) running->stop();
  }
  // Finishes writing; the waiters' loops have stopped.
  if (spool_) spool_->stop();
  if (inbox_) inbox_->stop();
  if (attachments_) attachments_->stop();
}

/// Coroutines of one loop may wait for those of another, and all refer to the members.
void Instance::destroy_what_waits() {
  for (const auto& script : scripts_) {
    if (const auto running = script.lock()) running->clear();
  }
  if (outbound_) outbound_->clear();
  if (server_) server_->clear();
  api_loop_.clear();
}

/// What is still to be written, the others are told; then they are not heard any more.
void Instance::tell_the_others() {
  if (!feeds_) return;
  if (traces_) traces_->flush();
  if (delivery_log_) delivery_log_->flush();
  feeds_.reset();
}

void Instance::destroy_owners() {
  if (api_ && store_) api_->write_what_waits();
  name_servers_.reset();
  delivery_.reset();
  worlds_.clear();
  server_.reset();
  outbound_.reset();
  spool_.reset();
  follower_.reset();
  applied_.reset();
  limits_.reset();
  tries_.reset();
  tell_the_others();
  node_.reset();  // others take over what it had
  cluster_.reset();
  inbox_.reset();
  http_.reset();
  api_.reset();
  replay_port_.reset();
  plan_desk_.reset();
  live_answers_.reset();
  // Closes its reader first, so that the writer closes the file last and cleans up.
  trace_port_.reset();
  traces_.reset();
  delivery_log_.reset();
  store_.reset();
  Reaper::instance().finish();
  lock_.reset();
}

}  // namespace postern::app
