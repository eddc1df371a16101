#include "admin/pages.h"

namespace postern::admin {
namespace {

net::HttpResponse file(std::string_view text, std::string_view type) {
  net::HttpResponse response;
  response.body = std::string(text);
  response.content_type = std::string(type);
  return response;
}

/// A path of ours: a redirect never carries the Host that was sent.
net::HttpResponse redirect(std::string_view path) {
  net::HttpResponse response = file("", "text/plain; charset=utf-8");
  response.status = 302;
  response.headers.emplace_back("Location", path);
  return response;
}

Task<net::HttpResponse> serve(net::HttpResponse response) { co_return response; }

}  // namespace

void Pages::add_routes(Router& router) {
  const auto fixed = [&](std::string_view path, std::string_view text, std::string_view type) {
    router.add({"GET", path, Access::open, Body::none,
                [text, type](Call&) { return serve(file(text, type)); }});
  };
  fixed("/app/signin", content::signin_html, "text/html; charset=utf-8");
  fixed("/app/signup", content::signup_html, "text/html; charset=utf-8");
  fixed("/app/assets/pages.js", content::script_js, "text/javascript; charset=utf-8");
  fixed("/app/assets/style.css", content::style_css, "text/css; charset=utf-8");
  router.add(
      {"GET", "/", Access::open, Body::none, [](Call&) { return serve(redirect("/app/")); }});
  router.add(
      {"GET", "/app", Access::open, Body::none, [](Call&) { return serve(redirect("/app/")); }});
  router.add({"GET", "/app/{*}", Access::open, Body::none, [this](Call& c) { return inside(c); }});
  for (const std::string_view method : {"POST", "PUT", "DELETE"}) {
    router.add({method, "/app/{*}", Access::open, Body::none,
                [this](Call& c) { return write_inside(c); }});
  }
}

Task<net::HttpResponse> Pages::inside(Call& call) {
  const std::optional<Caller> caller = co_await authenticator_.cookie_caller(call);
  if (!caller) co_return redirect("/app/signin");
  if (call.request.path == "/app/") co_return redirect("/app/webhooks");
  co_return file(content::home_html, "text/html; charset=utf-8");
}

/// No page takes a form: all of them write through the API.
Task<net::HttpResponse> Pages::write_inside(Call& call) {
  const std::optional<Caller> caller = co_await authenticator_.cookie_caller(call);
  if (!caller) throw forbidden("sign in first");
  authenticator_.check_same_site(call, caller->session_id);
  throw not_found();
}

}  // namespace postern::admin
