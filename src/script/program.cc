#include "script/program.h"

#include <atomic>
#include <stdexcept>

#include "script/memoize.h"

namespace postern::script {

namespace {

/// For further states: the log lines of loading were written once already.
class QuietWorld final : public World {
 public:
  explicit QuietWorld(World& world) : world_(world) {}
  Task<Result<HttpAnswer>> http(HttpQuestion question, Clock::time_point deadline) override {
    return world_.http(std::move(question), deadline);
  }
  Task<Result<void>> blocking(std::function<void()> job) override {
    return world_.blocking(std::move(job));
  }
  void log(std::string_view, std::string_view, std::string_view) override {}

 private:
  World& world_;
};

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

Program::Program(Options options, World& world)
    : options_(std::move(options)), world_(world), facts_(options_.facts), id_(next_id()) {}

namespace {

Program::Options with_memos(Program::Options options) {
  options.setup.memos = std::make_shared<Memos>();
  return options;
}

}  // namespace

Task<void> Program::prepare(State& state, Call& call, std::optional<Raised>& trouble) {
  trouble = co_await state.run(options_.text, options_.name, call);
  if (!trouble && options_.ready) trouble = co_await options_.ready(state, call);
}

tl::expected<std::unique_ptr<State>, Raised> Program::make(bool quietly) {
  auto state = std::make_unique<State>(options_.setup);
  if (options_.user) state->set_user(options_.user());
  std::optional<Raised> trouble;
  QuietWorld quiet(world_);
  Call call(quietly ? static_cast<World&>(quiet) : world_, options_.loading);
  if (facts_) {
    call.answer_facts_from(*facts_);
  } else {
    call.record_facts();
  }
  options_.run(prepare(*state, call, trouble));
  if (trouble) return tl::unexpected(std::move(*trouble));
  if (!facts_) facts_ = std::move(call.told());
  state->collect();
  return state;
}

tl::expected<std::shared_ptr<Program>, Raised> Program::load(Options options, World& world) {
  std::shared_ptr<Program> program(new Program(with_memos(std::move(options)), world));
  for (std::size_t i = 0; i < std::max<std::size_t>(1, program->options_.states); ++i) {
    auto state = program->make(i > 0);
    if (!state) return tl::unexpected(std::move(state.error()));
    program->spare_.push_back(std::move(*state));
  }
  return program;
}

State& Program::here() {
  thread_local std::uint64_t last_id = 0;
  thread_local State* last = nullptr;
  if (last_id == id_) {
    if (last->worn_out()) renew(last);
    if (!last->is_charged()) last->charge_to(world_.memory());
    return *last;
  }
  std::unique_lock lock(mutex_);
  std::unique_ptr<State>& mine = taken_[std::this_thread::get_id()];
  if (!mine && !spare_.empty()) {
    mine = std::move(spare_.back());
    spare_.pop_back();
  }
  if (!mine) {
    lock.unlock();
    auto made = make(true);
    if (!made) throw std::runtime_error(made.error().message);
    lock.lock();
    taken_[std::this_thread::get_id()] = std::move(*made);
  }
  last_id = id_;
  last = taken_[std::this_thread::get_id()].get();
  if (!last->is_charged()) last->charge_to(world_.memory());
  return *last;
}

/// A script that fills its globals gets a fresh state instead of failing permanently.
void Program::renew(State*& mine) {
  auto made = make(true);
  if (!made) return mine->bear_on();
  world_.log("warning", options_.name,
             "the script keeps " + std::to_string(mine->memory() >> 20) +
                 " MiB in its globals: it starts afresh on this thread");
  const std::lock_guard lock(mutex_);
  auto& worn = worn_[std::this_thread::get_id()];
  std::erase_if(worn, [](const auto& one) { return one->calls() == 0; });
  std::unique_ptr<State>& place = taken_[std::this_thread::get_id()];
  if (place->calls() > 0) worn.push_back(std::move(place));
  place = std::move(*made);
  mine = place.get();
}

}  // namespace postern::script
