// The pages of this version: sign-up, sign-in, and one that says how to go on. Plain files, no
// inline script, nothing from elsewhere.
#pragma once

#include <string_view>

#include "admin/authenticator.h"
#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

namespace content {
extern const std::string_view signin_html;
extern const std::string_view signup_html;
extern const std::string_view home_html;
extern const std::string_view script_js;
extern const std::string_view style_css;
}  // namespace content

class Pages {
 public:
  explicit Pages(Authenticator& authenticator) : authenticator_(authenticator) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> inside(Call& call);
  Task<net::HttpResponse> write_inside(Call& call);

  Authenticator& authenticator_;
};

}  // namespace postern::admin
