// The gateway's restriction lists over the API: what runs, drafts, changes, history. They judge all
// accounts' mail, so only operators may see and change them.
#pragma once

#include "admin/core.h"
#include "admin/router.h"
#include "admin/running_lists.h"

namespace postern::admin {

class ConnectionPolicies {
 public:
  explicit ConnectionPolicies(Core& core) : core_(core) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> replace(Call& call);
  Task<net::HttpResponse> remove(Call& call);
  Task<net::HttpResponse> lint(Call& call);
  Task<net::HttpResponse> revisions(Call& call);
  Task<net::HttpResponse> revision(Call& call);
  Task<net::HttpResponse> roll_back(Call& call);
  Task<net::HttpResponse> keywords(Call& call);

  RunningLists& lists() const;
  Task<Lists> judge(const Call& call, dialect::restrictions::Section section) const;
  Task<store::ListRevisionRow> stored(const Call& call, std::uint64_t revision) const;
  Task<net::HttpResponse> put(Call& call, Lists next, std::string action);

  Core& core_;
};

/// The section of a request body: "lists" by their short names, "parameters" by those of main.cf,
/// and "mode", "errors", "require_complete_lists". Read-only members of an answer may come back.
/// Throws 422.
dialect::restrictions::Section section_of(const boost::json::object& body);

/// Throws what is wrong with lists that cannot be served with: 409 with the dialogue when anybody
/// could send through them, else 422 with the marks.
[[noreturn]] void refuse_wrong(const Lists& lists, const std::string& hostname);

}  // namespace postern::admin
