// Probable mistakes in a policy that loads, for `postern check` and for the log at load.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "dialect/vsl/ast.h"
#include "dialect/vsl/library.h"

namespace postern::dialect::vsl {

struct Site;

/// The configuration, as far as calls need it.
struct LintSettings {
  const Site& site;          ///< folder, keys and commands; outlives the lint
  bool has_accounts = true;  ///< for authenticate()
};

/// The most warnings; no more are looked for.
inline constexpr std::size_t max_warnings = 500;

/// Warns of undeclared names, calls with the wrong number or visibly wrong type of arguments,
/// functions at stages that lack them, actions whose status is lost, rules without one, directives
/// that never run, and inconsistent reply codes. The result is sorted by file and by place. `find`
/// and `names` are signature_of and function_names().
///
/// What depends on values at run time is not judged; there is no warning on a guess.
///
/// `open_relays`, unless null, gets the calls of check_rcpt_relay() whose literal hosts include
/// public addresses. `misspelt`, unless null, gets the undeclared names of at least four letters
/// that resemble a known one; they are then not in the result. `failing`, unless null, gets the
/// other calls that fail whenever they are reached; they are then not in the result either. These
/// are calls of functions that nothing defines, of methods that a service lacks, and, unless
/// `settings` is null, those that need what this configuration does not have (lint_site.cc).
std::vector<Mistake> lint(const Sources& sources,
                          const std::function<Signature(std::string_view)>& find,
                          const std::vector<std::string_view>& names = {},
                          std::vector<Mistake>* open_relays = nullptr,
                          std::vector<Mistake>* misspelt = nullptr,
                          std::vector<Mistake>* failing = nullptr,
                          const LintSettings* settings = nullptr);

}  // namespace postern::dialect::vsl
