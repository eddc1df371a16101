// Finds names below `kumo` that Postern does not have, without running the code. Otherwise a
// misspelt handler would fail only when a message reaches it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "script/bind.h"

namespace postern::dialect::kumo {

/// Warnings like "policy.lua:3: kumo.rejekt is not available in Postern; did you mean
/// `kumo.reject`?", one per name and line, in the order of the text. They include methods of
/// KumoMTA's messages that Postern lacks. Names that the text assigns to are known. A text that
/// defines its own `kumo` is skipped. `text` need not be valid Lua.
std::vector<std::string> lint_names(std::string_view file, std::string_view text,
                                    const std::vector<script::HostTable>& tables);

/// Whether KumoMTA's messages have this method and Postern's do not.
bool is_missing_method(std::string_view name);

/// The events that key sources in the text name: `event_name = 'get_key'`.
std::vector<std::string> key_source_events(std::string_view text);

}  // namespace postern::dialect::kumo
