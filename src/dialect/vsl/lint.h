// What a policy that loads probably does not mean: for `postern check` and the log at load.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "dialect/vsl/ast.h"
#include "dialect/vsl/library.h"

namespace postern::dialect::vsl {

/// More are not looked for: a long list is read by nobody, and takes its time to be made.
inline constexpr std::size_t max_warnings = 500;

/// Names that nothing declares, calls with the wrong number or visibly wrong kind of arguments,
/// functions at stages that do not have them, actions whose status is lost, rules without one,
/// directives that never run, reply codes that contradict themselves. By file, in the order of the
/// text. `find` and `names` are signature_of and function_names().
///
/// What depends on values is not judged: where a warning would be a guess there is none.
///
/// `open_relays`, where it is not null: calls of check_rcpt_relay() whose hosts, as far as they are
/// written out, hold strangers. `misspelt`, where it is not null, gets the names of four letters
/// and more that nothing declares and something near is called like: they are no warnings then.
std::vector<Mistake> lint(const Sources& sources,
                          const std::function<Signature(std::string_view)>& find,
                          const std::vector<std::string_view>& names = {},
                          std::vector<Mistake>* open_relays = nullptr,
                          std::vector<Mistake>* misspelt = nullptr);

}  // namespace postern::dialect::vsl
