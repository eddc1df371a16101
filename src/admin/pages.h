// The web UI: files in the binary, and one page for all of its paths. No inline scripts and no
// external resources; the pages use the API for everything.
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"
#include "web/assets.h"

namespace postern::admin {

/// Serves the web UI.
class Pages {
 public:
  /// `authenticator` must outlive this.
  explicit Pages(Authenticator& authenticator) : authenticator_(authenticator) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> inside(Call& call);
  Task<net::HttpResponse> write_inside(Call& call);

  Authenticator& authenticator_;
};

/// The asset in the smallest encoding that the client accepts, or 304 if the client has it already.
net::HttpResponse to_response(const web::Asset& asset, const net::HttpRequest& request);

}  // namespace postern::admin
