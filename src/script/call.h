// One call of a script: a hook while it runs, or the loading of the file.
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "script/budget.h"

namespace postern::script {

class State;

/// An error value of the host's own, for instance a refusal that a script asked for. Scripts see a
/// value that `tostring` makes `text` of; uncaught, it reaches whoever called the script.
class Thrown {
 public:
  explicit Thrown(std::string text) : text_(std::move(text)) {}
  virtual ~Thrown() = default;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Lives as long as the call; host functions get it as their first argument.
class Call {
 public:
  /// `context`: what the dialect's host functions work on, see context<T>(). `world` outlives it.
  Call(World& world, Limits limits, void* context = nullptr)
      : world_(world), limits_(limits), deadline_(Clock::now() + limits.time), context_(context) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    for (auto& clean : at_end_) clean();
  }

  World& world() { return world_; }
  /// The state that runs it. Only for host functions.
  State& state() const { return *state_; }
  const Limits& limits() const { return limits_; }
  /// Host functions that wait end here.
  Clock::time_point deadline() const { return deadline_; }
  Spent& spent() { return spent_; }
  const Spent& spent() const { return spent_; }

  /// Null while the script loads.
  template <class T>
  T* context() const {
    return static_cast<T*>(context_);
  }

  /// From now on `text` is left out of this call's logs and errors. Texts under four octets are
  /// too short to be told from others.
  void keep_secret(std::string text) {
    if (text.size() >= 4) secrets_.push_back(std::move(text));
  }
  /// The text without what is secret in this call.
  std::string redacted(std::string text) const;

  /// Runs when the call is over, however it ends.
  void at_end(std::function<void()> clean) { at_end_.push_back(std::move(clean)); }

 private:
  friend class State;

  World& world_;
  Limits limits_;
  Clock::time_point deadline_;
  void* context_;
  State* state_ = nullptr;
  Spent spent_;
  std::vector<std::string> secrets_;
  std::vector<std::function<void()>> at_end_;
};

}  // namespace postern::script
