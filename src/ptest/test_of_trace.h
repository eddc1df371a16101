// A decision as a test that expects it again: `postern explain --as-test`.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "explain/play.h"
#include "policy/trace.h"

namespace postern::ptest {

/// The account of a policy that demands one, where the test has none that it takes.
inline constexpr std::string_view other_account = "somebody-else";

/// What a test of a decision may say.
struct AsTest {
  std::string name;                    ///< of the test
  bool redact = false;                 ///< local parts, login name and Message-ID are replaced
  std::optional<std::string> message;  ///< nullopt: evidence stands in its place
  /// Since when commands came ahead of replies; nullopt: if they did at the end, from the
  /// beginning.
  std::optional<app::Early> early = {};
  /// Logins of other tests that use the same policies: those of them that a policy takes are in it.
  std::set<std::string> logins = {};
};

/// The decision as TOML: `[[test]]`, and above it the webhooks that it needs. It has neither
/// passwords nor, without AsTest::message, anything of the message's text.
std::string as_test(const policy::Trace& trace, const AsTest& options);

}  // namespace postern::ptest
