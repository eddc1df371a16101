// Opens the tables of `[[route]] tables`, and answers from them at each delivery attempt.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "config/config.h"
#include "dialect/restrictions/rules.h"
#include "dialect/restrictions/table.h"
#include "gateway/consultation.h"
#include "net/work_pool.h"
#include "relay/route_tables.h"

namespace postern::app {

/// The tables that routes name, by that name.
struct OpenedRouteTables {
  std::map<std::string, std::shared_ptr<const dialect::restrictions::Table>, std::less<>> tables;
  gateway::RemoteTables::Named remote;  ///< those of other programs, also inside others
  /// Of the restriction lists: where the extension of an address begins. Null: there are none.
  std::shared_ptr<const dialect::restrictions::ListPolicy> policy;
};

/// Opens them; asks no other program. `complain` gets the number of the route in the file and the
/// trouble of a table that cannot be opened, which is left out.
OpenedRouteTables open_route_tables(
    const Config& config, const std::function<void(std::size_t route, std::string)>& complain);

/// Looks recipients up as transport_maps does (transport(5)): address, address without its
/// extension, domain, `.parent`s, `*`; of each key the first table with a row counts. Tables of
/// patterns get the address alone.
class RouteTables final : public relay::RouteTables {
 public:
  /// `pool` asks databases, and outlives this object.
  RouteTables(OpenedRouteTables opened, net::WorkPool& pool);

  Task<Result<std::optional<std::vector<std::string>>>> find(std::vector<std::string> tables,
                                                             std::string local_part,
                                                             std::string domain) override;

 private:
  Task<Result<std::optional<std::string>>> look_up(const dialect::restrictions::Table& table,
                                                   std::string key);

  const OpenedRouteTables opened_;
  gateway::RemoteTables remote_;
};

}  // namespace postern::app
