#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace postern::policy {

/// Where in the dialogue a question is asked. The first seven are before acceptance; `queued` and
/// `delivery` follow it.
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
inline constexpr std::size_t stage_count = 9;
std::string_view to_string(Stage stage);

/// What one check or layer says.
struct Verdict {
  enum class Kind : std::uint8_t {
    pass_on,     ///< no opinion
    permit,      ///< this layer has no further opinion at this stage; it overrules nobody
    reject,      ///< 5xx
    defer,       ///< 4xx
    quarantine,  ///< accept, but hold
  };
  Kind kind = Kind::pass_on;
  smtp::Reply reply;   ///< of a refusal; of a permit too when its text is not empty
  std::string detail;  ///< what was seen, for the trace: "198.51.100.7 in none of 2 networks"

  bool refuses() const { return kind == Kind::reject || kind == Kind::defer; }
  bool decides() const { return kind != Kind::pass_on; }
};
std::string_view to_string(Verdict::Kind kind);

inline Verdict pass_on(std::string detail = {}) {
  return {Verdict::Kind::pass_on, {}, std::move(detail)};
}
inline Verdict permit(std::string detail = {}) {
  return {Verdict::Kind::permit, {}, std::move(detail)};
}
/// A refusal; 4xx codes defer, 5xx codes reject.
Verdict refuse(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text,
               std::string detail = {});

}  // namespace postern::policy
