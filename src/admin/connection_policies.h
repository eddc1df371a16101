// The gateway's restriction lists over the API: current lists, drafts, changes and history. They
// apply to all accounts' mail, so only operators may read and change them.
#pragma once

#include "admin/core.h"
#include "admin/router.h"
#include "admin/running_lists.h"

namespace postern::admin {

/// Endpoints of the restriction lists.
class ConnectionPolicies {
 public:
  /// `core` must outlive this.
  explicit ConnectionPolicies(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  net::HttpResponse show(const Call& call) const;
  net::HttpResponse replace(const Call& call) const;
  net::HttpResponse remove(const Call& call) const;
  net::HttpResponse lint(const Call& call) const;
  net::HttpResponse revisions(const Call& call) const;
  net::HttpResponse revision(const Call& call) const;
  net::HttpResponse roll_back(const Call& call) const;
  net::HttpResponse keywords(const Call& call) const;

  RunningLists& lists() const;
  Lists judge(dialect::restrictions::Section section) const;
  store::ListRevisionRow stored(std::uint64_t revision) const;
  net::HttpResponse put(const Call& call, Lists next, std::string action) const;

  Core& core_;
};

/// Reads a section from a request body: "lists" with short names, "parameters" with main.cf's
/// names, "mode", "errors" and "require_complete_lists". Ignores the read-only members of a
/// response. Throws 422.
dialect::restrictions::Section section_of(const boost::json::object& body);

/// Throws the reason why these lists cannot be used: 409 with an SMTP dialogue if they are an open
/// relay, else 422 with the marked errors.
[[noreturn]] void refuse_wrong(const Lists& lists, const std::string& hostname);

}  // namespace postern::admin
