// Evaluation of restriction lists (docs/restriction-lists.md, "How the lists are evaluated"). Pure:
// it uses only the compiled policy and the evidence. If evidence is missing, the result names it,
// and the caller evaluates again.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dialect/restrictions/rules.h"
#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/verdict.h"

namespace postern::dialect::restrictions {

/// Why a rule did what it did: a static text, or a text of its own. Small, as every rule that is
/// evaluated has one.
class Reason {
 public:
  Reason() = default;
  /// A static text, which is not copied.
  explicit Reason(std::string_view always)
      : text_(always.data()), size_(static_cast<std::uint32_t>(always.size())) {}
  /// A copy of a text.
  static Reason made(std::string_view text);
  Reason(Reason&& other) noexcept : text_(other.text_), size_(other.size_), is_own_(other.is_own_) {
    if (is_own_) other.forget();
  }
  Reason& operator=(Reason&& other) noexcept {
    if (is_own_ && this != &other) delete[] text_;
    text_ = other.text_;
    size_ = other.size_;
    is_own_ = other.is_own_;
    if (is_own_ && this != &other) other.forget();
    return *this;
  }
  ~Reason() {
    if (is_own_) delete[] text_;
  }
  /// Valid as long as this object. A static text is still there after a move.
  std::string_view text() const { return {text_, size_}; }

 private:
  void forget() {
    text_ = nullptr;
    size_ = 0;
    is_own_ = false;
  }
  const char* text_ = nullptr;
  std::uint32_t size_ = 0;
  bool is_own_ = false;
};

/// The outcome of one rule.
struct Mark {
  /// What the rule did.
  enum class Result : std::uint8_t {
    passed,
    permitted,
    refused,
    warned,            ///< would have refused, after warn_if_reject
    defers_if_permit,  ///< raised defer_if_permit
    defers_if_reject,
  };
  const Rule* rule = nullptr;      ///< null: the checks after all lists
  Reason reason;                   ///< for the trace
  Result result = Result::passed;  ///< of the rule
  /// Of a rule that refused because it could not be evaluated.
  std::optional<policy::Trouble> trouble = {};
  /// The text of the reason.
  std::string_view detail() const { return reason.text(); }
};

/// The name of a rule in traces; static. Null: of the checks after all lists.
std::string_view name_of(const Rule* rule);

/// No rule makes the client wait: for evaluations without a client.
inline constexpr std::size_t all_waited = static_cast<std::size_t>(-1);

/// The result of an evaluation.
struct Evaluated {
  smtp::Reply reply{.code = 0, .enhanced = {}, .text = {}};  ///< code 0: not refused
  std::vector<Mark> marks;                                   ///< one a rule, in the order evaluated
  /// A key that the table of a rule has.
  struct Key {
    static constexpr std::size_t pending = static_cast<std::size_t>(-1);
    std::size_t mark = pending;  ///< index of the rule's mark; `pending`: it is not judged yet
    std::string text;            ///< as it was looked up
  };
  std::vector<Key> keys;               ///< of rules that found one, in the order of look-ups
  std::optional<std::string> hold;     ///< HOLD: why the message is held
  std::optional<std::string> discard;  ///< DISCARD: why it is accepted and thrown away
  bool trusted_client = false;         ///< a rule lets the client relay, as it is known
  /// The rules that did so; null: none.
  const Rule* held_by = nullptr;
  const Rule* discarded_by = nullptr;  ///< DISCARD
  const Rule* trusted_by = nullptr;    ///< trusted_client
  /// The first missing answer of DNS; the rest of the result is then void.
  std::optional<dns::Question> wanted_dns;
  std::optional<policy::Consultation> wanted_service;  ///< missing reply of a program
  std::optional<std::chrono::seconds> wanted_wait;     ///< the client has to wait first
  /// The recipient is the sender of our probes: it is accepted, and its mail is not delivered.
  bool to_prober = false;
  /// An answer about an address was used.
  bool verifies = false;
  /// Lists that were compiled during the evaluation, from table values; marks point into them.
  std::vector<std::shared_ptr<const List>> kept;
  /// Whether no evidence is missing.
  bool complete() const { return !wanted_dns && !wanted_service && !wanted_wait; }
};

/// Evaluates the lists for a command: at Stage::rcpt for RCPT, or for the VRFY or ETRN of the
/// evidence; not at Stage::auth, nor after Stage::message. The marks borrow from `policy`.
/// `waited`: how many waits the client has behind it at this command. `verified`: how many
/// Consultations::verifications() there were before it; their answers are asked for anew.
Evaluated evaluate(const ListPolicy& policy, const policy::Evidence& evidence, policy::Stage stage,
                   std::size_t waited = all_waited, std::size_t verified = 0);

}  // namespace postern::dialect::restrictions
