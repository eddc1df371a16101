// How mailauth asks DNS without knowing who answers: an evaluation is a value that says its next
// question and takes the answer. Any event loop can drive it, or ten synchronous lines:
//
//   auto check = mailauth::spf::check_host(identity);
//   while (const mailauth::Question* question = check.next()) check.feed(resolve(*question));
//   use(check.result());
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mailauth {

enum class RecordType : std::uint16_t { a = 1, ptr = 12, mx = 15, txt = 16, aaaa = 28 };

/// What an evaluation wants to know. `name` has A-labels and no trailing dot.
struct Question {
  std::string name;
  RecordType type = RecordType::txt;
  bool operator==(const Question&) const = default;
};

/// What came back. An answer that failed DNSSEC validation is `failure`.
struct Answer {
  enum class Status : std::uint8_t {
    found,
    no_data,
    nx_domain,
    failure,  ///< SERVFAIL, time-out, refused: nothing is known, try again later
  };
  Status status = Status::failure;
  /// One string a record, in the order of the answer. A, AAAA: text form. MX: "preference host".
  /// PTR: a name. TXT: the record's strings joined, octets as they came.
  std::vector<std::string> records;

  bool has_records() const { return status == Status::found && !records.empty(); }
};

namespace detail {

/// Shared by an evaluation and the ones it awaits: the innermost coroutine waits for `answer`.
struct Exchange {
  std::coroutine_handle<> waiting;
  std::optional<Question> question;
  std::optional<Answer> answer;
};

template <class T>
struct Promise;

}  // namespace detail

/// A computation that ends in a T and may ask questions on its way. Move-only; it owns its frame, so
/// dropping it abandons the computation. Not thread-safe. Arguments of the coroutines that return it
/// are taken by value or must outlive it.
template <class T>
class [[nodiscard]] Evaluation {
 public:
  using promise_type = detail::Promise<T>;

  Evaluation(Evaluation&& other) noexcept
      : frame_(std::exchange(other.frame_, {})), exchange_(std::move(other.exchange_)) {}
  Evaluation& operator=(Evaluation&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, {});
      exchange_ = std::move(other.exchange_);
    }
    return *this;
  }
  ~Evaluation() {
    if (frame_) frame_.destroy();
  }

  /// The next question, or null when the result is there. The same one until feed() answers it.
  const Question* next() {
    if (!exchange_) {
      exchange_ = std::make_unique<detail::Exchange>();
      frame_.promise().exchange = exchange_.get();
      frame_.resume();
    }
    return exchange_->question ? &*exchange_->question : nullptr;
  }
  /// Answers the question that next() showed.
  void feed(Answer answer) {
    exchange_->answer = std::move(answer);
    exchange_->question.reset();
    std::exchange(exchange_->waiting, {}).resume();
  }
  /// After next() said null; once.
  T result() {
    if (frame_.promise().thrown) std::rethrow_exception(frame_.promise().thrown);
    return std::move(*frame_.promise().value);
  }

  // An evaluation awaits another one like this:  T part = co_await inner(...);
  bool await_ready() const noexcept { return false; }
  template <class Outer>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<detail::Promise<Outer>> outer) {
    frame_.promise().exchange = outer.promise().exchange;
    frame_.promise().outer = outer;
    return frame_;
  }
  T await_resume() { return result(); }

 private:
  friend detail::Promise<T>;
  explicit Evaluation(std::coroutine_handle<promise_type> frame) : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
  std::unique_ptr<detail::Exchange> exchange_;
};

namespace detail {

/// co_await Question{...} inside an evaluation yields the Answer.
struct Ask {
  Question question;
  Exchange* exchange = nullptr;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    exchange->question = std::move(question);
    exchange->waiting = self;
  }
  Answer await_resume() {
    Answer answer = std::move(*exchange->answer);
    exchange->answer.reset();
    return answer;
  }
};

template <class T>
struct Promise {
  Exchange* exchange = nullptr;
  std::coroutine_handle<> outer;
  std::optional<T> value;
  std::exception_ptr thrown;

  Evaluation<T> get_return_object() {
    return Evaluation<T>(std::coroutine_handle<Promise>::from_promise(*this));
  }
  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      return self.promise().outer ? self.promise().outer : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  void unhandled_exception() { thrown = std::current_exception(); }

  Ask await_transform(Question question) { return {std::move(question), exchange}; }
  template <class U>
  Evaluation<U>&& await_transform(Evaluation<U>&& inner) {
    return std::move(inner);
  }
};

}  // namespace detail
}  // namespace mailauth
