// Finds names below `kumo` that Postern does not have, without running the code. Otherwise a
// misspelt handler would fail only when a message reaches it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "script/bind.h"

namespace postern::dialect::kumo {

/// A name that a text uses and Postern does not have.
struct MissingName {
  /// Like "policy.lua:3: kumo.rejekt is not available in Postern; did you mean `kumo.reject`?".
  std::string finding;
  std::string member;  ///< the last part of the name: "rejekt"
  /// Whether it is called and looks like a misspelt function of Postern's, not like one of
  /// KumoMTA's that Postern lacks.
  bool misspelt_call = false;
  /// Whether a hook calls it, according to the `in_hook` of lint_names().
  bool called_in_hook = false;
};

/// The missing names, one per name and line, in the order of the text. They include methods of
/// KumoMTA's messages that Postern lacks. Names that the text assigns to are known. A text that
/// defines its own `kumo` is skipped. `text` need not be valid Lua. `in_hook`: whether a word, a
/// view into the text, is in code that a hook runs; null: none is.
std::vector<MissingName> lint_names(
    std::string_view file, std::string_view text, const std::vector<script::HostTable>& tables,
    const std::function<bool(std::string_view word)>& in_hook = nullptr);

/// Whether KumoMTA's messages have this method and Postern's do not.
bool is_missing_method(std::string_view name);

/// The events that key sources in the text name: `event_name = 'get_key'`.
std::vector<std::string> key_source_events(std::string_view text);

}  // namespace postern::dialect::kumo
