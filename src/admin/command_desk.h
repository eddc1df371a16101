// The command line's questions about live data, for who may read the control file: no account's.
#pragma once

#include <optional>
#include <string_view>

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// A question's name follows.
inline constexpr std::string_view command_path = "/control/";

/// Errors travel by name.
std::string_view fault_name(Fault fault);
std::optional<Fault> fault_named(std::string_view name);

class CommandDesk {
 public:
  explicit CommandDesk(Core& core) : core_(core) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> answer(Call& call);

  Core& core_;
};

}  // namespace postern::admin
