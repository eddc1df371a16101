// DNS lookups as values: an evaluation returns its next question and takes the answer, so that
// mailauth needs no resolver. Any event loop can drive it, or a synchronous loop:
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

/// A DNS record type, with its number (RFC 1035 §3.2.2, RFC 3596 §2.1).
enum class RecordType : std::uint16_t { a = 1, ptr = 12, mx = 15, txt = 16, aaaa = 28 };

/// A DNS question. `name` has A-labels and no trailing dot.
struct Question {
  std::string name;                   ///< the name to look up
  RecordType type = RecordType::txt;  ///< the type to look up
  bool operator==(const Question&) const = default;
};

/// The answer to a question. An answer that fails DNSSEC validation is `failure`.
struct Answer {
  /// How the lookup ended.
  enum class Status : std::uint8_t {
    found,      ///< the name has records of the type
    no_data,    ///< the name exists, without records of the type
    nx_domain,  ///< the name does not exist
    failure,    ///< SERVFAIL, timeout, refused: temporary
  };
  Status status = Status::failure;  ///< how the lookup ended
  /// One string for each record, in the order of the answer. A, AAAA: text form. MX: "preference
  /// host". PTR: a name. TXT: the strings of the record joined, octets unchanged.
  std::vector<std::string> records;

  /// Whether at least one record was found.
  bool has_records() const { return status == Status::found && !records.empty(); }
};

namespace detail {

/// Shared by an evaluation and those it awaits; the innermost coroutine waits for `answer`.
struct Exchange {
  std::coroutine_handle<> waiting;
  std::optional<Question> question;
  std::optional<Answer> answer;
};

template <class T>
struct Promise;

}  // namespace detail

/// A coroutine that results in a T and may ask questions before that. Move-only. It owns its frame,
/// so destroying it abandons the computation. Not thread-safe. Parameters of coroutines that return
/// it are passed by value or must outlive it.
template <class T>
class [[nodiscard]] Evaluation {
 public:
  /// For the compiler: the coroutine's promise.
  using promise_type = detail::Promise<T>;

  /// Moves the frame; the source may only be destroyed or assigned to.
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

  /// The next question, or null when the result is ready. Returns the same question until feed()
  /// answers it. Valid until feed().
  const Question* next() {
    if (!exchange_) {
      exchange_ = std::make_unique<detail::Exchange>();
      frame_.promise().exchange = exchange_.get();
      frame_.resume();
    }
    return exchange_->question ? &*exchange_->question : nullptr;
  }
  /// Answers the question that next() returned, and runs to the next question or to the end.
  void feed(Answer answer) {
    exchange_->answer = std::move(answer);
    exchange_->question.reset();
    std::exchange(exchange_->waiting, {}).resume();
  }
  /// The result. Call it once, after next() returned null. Rethrows an exception of the
  /// computation.
  T result() {
    if (frame_.promise().thrown) std::rethrow_exception(frame_.promise().thrown);
    return std::move(*frame_.promise().value);
  }

  /// For co_await: an evaluation awaits another with `T part = co_await inner(...);`.
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

/// The awaiter of `co_await Question{...}` inside an evaluation; results in the Answer.
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
