// The web UI: files of the binary, and the one page that stands behind all of its addresses. No
// inline script, nothing from elsewhere; what the pages do, they do through the API.
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"
#include "web/assets.h"

namespace postern::admin {

class Pages {
 public:
  explicit Pages(Authenticator& authenticator) : authenticator_(authenticator) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> inside(Call& call);
  Task<net::HttpResponse> write_inside(Call& call);

  Authenticator& authenticator_;
};

/// The asset in the best coding that the client takes, or 304 where it has it already.
net::HttpResponse to_response(const web::Asset& asset, const net::HttpRequest& request);

}  // namespace postern::admin
