// Edits of restriction lists, as text of a configuration.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/restrictions/rules.h"

namespace postern::plan {

/// An edit of [restrictions].
struct ListEdit {
  std::string words;  ///< what it does: "permit the client 192.0.2.7 in front of what refuses"
  std::map<std::string, std::string> parameters;  ///< their new values
};

/// A place in a list: the rule with this index.
struct Spot {
  std::string parameter;  ///< of a list or of a restriction class
  std::size_t at = 0;     ///< the first rule has 0
};
/// The rules of a list or class; null: there is none of this name.
const dialect::restrictions::List* rules_of(const dialect::restrictions::ListPolicy& policy,
                                            std::string_view parameter);
/// Where the rule with this origin stands ("smtpd_relay_restrictions:3"); nullopt: in no list.
std::optional<Spot> spot_of(const dialect::restrictions::ListPolicy& policy,
                            const std::string& origin);
/// As in a configuration, where a dollar sign begins the name of a parameter.
std::vector<std::string> written(const dialect::restrictions::List& rules);
/// The value of a list with these rules.
std::string joined(const std::vector<std::string>& rules);
/// Takes the rule with this origin out; false: it stands in no list.
bool take_out(const dialect::restrictions::ListPolicy& policy, const std::string& origin,
              ListEdit& edit);

/// The text of a configuration with these parameters in [restrictions]; nullopt: it has no such
/// section.
std::optional<std::string> with_parameters(const std::string& text, const ListEdit& edit);

}  // namespace postern::plan
