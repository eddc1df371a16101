// The functions that `.vsl` scripts can call, and the stages at which they may.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/object.h"
#include "policy/verdict.h"
#include "script/bind.h"

namespace postern::dialect::vsl {

/// The stages of a function. Functions without an entry may be called at every stage.
struct Allowed {
  std::string_view name;                       ///< "check_spf"
  policy::Stage from;                          ///< the first stage
  policy::Stage to = policy::Stage::delivery;  ///< the last stage
};

/// The functions of one file. Rows have names "vsl.NAME"; scripts write NAME or sys::NAME. Optional
/// parameters come last.
struct Group {
  script::HostTable functions;      ///< the rows
  std::span<const Allowed> stages;  ///< of those functions that are not for every stage
};
Group status_functions();    ///< statuses and replies
Group session_functions();   ///< the session
Group offered_functions();   ///< questions that all dialects offer
Group envelope_functions();  ///< the envelope
Group message_functions();   ///< the message
Group utility_functions();   ///< utilities
Group security_functions();  ///< SPF, DKIM, DMARC and relaying
Group service_functions();   ///< services

/// What the compiler and the lint need to know of a function.
struct Signature {
  const script::HostFunction* function = nullptr;  ///< null: there is none
  std::size_t least = 0;                           ///< parameters, at least
  std::size_t most = 0;                            ///< parameters, at most
  policy::Stage from = policy::Stage::connect;     ///< the first stage
  policy::Stage to = policy::Stage::delivery;      ///< the last stage
};
/// The functions of the groups, by the name that scripts use.
std::map<std::string_view, Signature> signatures_of(std::span<const Group> groups);
/// The signature of a host function. Null function: there is none of that name.
Signature signature_of(std::string_view name);
/// The same of a method of values, which counts the value: `len(x)` is `x.len()`. Null function:
/// none of that name, or one that takes what the value's type says.
Signature method_of(std::string_view name);
/// The names of all host functions, sorted, for "did you mean".
std::vector<std::string_view> function_names();
/// The objects that files need not declare: the replies of reply_codes.h and the networks of
/// RFC 1918. For any thread.
const std::map<std::string, ObjectPtr, std::less<>>& predefined_objects();
/// Every function table, for script::Setup.
std::vector<script::HostTable> all_functions();

}  // namespace postern::dialect::vsl
