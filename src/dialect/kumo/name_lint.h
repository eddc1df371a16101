// Names below `kumo` that Postern does not have, found without running the code that uses them: a
// handler that is misspelt in its last branch would else fail when the first message takes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "script/bind.h"

namespace postern::dialect::kumo {

/// "policy.lua:3: kumo.rejekt is not available in Postern; did you mean `kumo.reject`?", each name
/// once a line, in the text's order; methods of KumoMTA's messages that are not here too. What the
/// text itself assigns to is there; a text that makes a `kumo` of its own is not looked at. `text`
/// need not be Lua.
std::vector<std::string> lint_names(std::string_view file, std::string_view text,
                                    const std::vector<script::HostTable>& tables);

/// Whether KumoMTA's messages have such a method, and those here do not.
bool is_missing_method(std::string_view name);

/// The names of handlers that key sources in the text call: `event_name = 'get_key'`.
std::vector<std::string> key_source_events(std::string_view text);

}  // namespace postern::dialect::kumo
