// Questions of the command line about live data. They need the control file's token, not an
// account.
#pragma once

#include <optional>
#include <string_view>

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Prefix of the path; the name of the question follows.
inline constexpr std::string_view command_path = "/control/";

/// The name by which a Fault is sent to the command line.
std::string_view fault_name(Fault fault);
/// The inverse of fault_name(); nullopt: unknown.
std::optional<Fault> fault_named(std::string_view name);

/// The endpoint of questions.
class CommandDesk {
 public:
  /// `core` must outlive this.
  explicit CommandDesk(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> answer(Call& call);

  Core& core_;
};

}  // namespace postern::admin
