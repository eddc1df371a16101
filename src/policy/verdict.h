#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace postern::policy {

/// A point of the dialogue at which layers are asked. The first seven precede acceptance; `queued`
/// and `delivery` follow it.
enum class Stage : std::uint8_t {
  connect,
  helo,
  auth,
  mail,
  rcpt,
  data,
  message,
  queued,
  delivery
};
/// Number of stages.
inline constexpr std::size_t stage_count = 9;
/// The enumerator's name.
std::string_view to_string(Stage stage);

/// What kept a decision from being made, so that it failed closed.
enum class Trouble : std::uint8_t {
  local,          ///< an error of ours
  script,         ///< a script raised an error
  lookup,         ///< a table did not answer
  configuration,  ///< rules that cannot be applied
  limit,          ///< a limit of one evaluation
  unanswered,     ///< a source of accounts did not answer
  no_memory,      ///< limits.memory is used up
};
/// Number of enumerators.
inline constexpr std::size_t trouble_count = 7;
/// The enumerator's word, for metrics: "internal", "script".
std::string_view to_string(Trouble trouble);

/// The answer of a check or a layer.
struct Verdict {
  enum class Kind : std::uint8_t {
    pass_on,     ///< no opinion
    permit,      ///< accepted by this layer at this stage; overrules no other layer
    reject,      ///< 5xx
    defer,       ///< 4xx
    quarantine,  ///< accept and hold
  };
  Kind kind = Kind::pass_on;  ///< pass_on by default
  smtp::Reply reply;          ///< of a refusal; of a permit if its text is not empty
  std::string detail;         ///< what was seen, for traces: "198.51.100.7 in none of 2 networks"
  /// Of a refusal that stands for a decision that could not be made; not in records.
  std::optional<Trouble> trouble = {};

  /// Rejects or defers.
  bool refuses() const { return kind == Kind::reject || kind == Kind::defer; }
  /// Ends the list of rules.
  bool decides() const { return kind != Kind::pass_on; }
};
/// The enumerator's name.
std::string_view to_string(Verdict::Kind kind);

/// No opinion.
inline Verdict pass_on(std::string detail = {}) {
  return {Verdict::Kind::pass_on, {}, std::move(detail)};
}
/// This layer permits.
inline Verdict permit(std::string detail = {}) {
  return {Verdict::Kind::permit, {}, std::move(detail)};
}
/// A refusal: a 4xx code defers, a 5xx code rejects.
Verdict refuse(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text,
               std::string detail = {});

}  // namespace postern::policy
