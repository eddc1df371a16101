#include "admin/pages.h"

#include "base/text.h"

namespace postern::admin {
namespace {

/// Redirects to a path; never repeats the Host that was sent.
net::HttpResponse redirect(std::string_view path) {
  net::HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.status = 302;
  response.headers.emplace_back("Location", path);
  return response;
}

Task<net::HttpResponse> serve(net::HttpResponse response) { co_return response; }

/// Whether Accept-Encoding (RFC 9110 §12.5.3) names the coding with a weight other than 0.
bool takes_coding(const net::HttpRequest& request, std::string_view coding) {
  const auto header = request.header("accept-encoding");
  if (!header) return false;
  for (const std::string_view element : split(*header, ',')) {
    const std::vector<std::string_view> parts = split(element, ';');
    if (!iequals(trim(parts[0]), coding)) continue;
    return parts.size() == 1 || !trim(parts[1]).starts_with("q=0") ||
           trim(parts[1]).find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

/// The same page for all paths; only its head differs.
net::HttpResponse page(const Call& call, std::string_view name = "index.html") {
  return to_response(*web::find_asset(name), call.request);
}

Task<net::HttpResponse> asset(Call& call) {
  const web::Asset* found = web::find_asset("assets/" + call.ids[0]);
  if (found == nullptr) throw not_found();
  co_return to_response(*found, call.request);
}

}  // namespace

net::HttpResponse to_response(const web::Asset& asset, const net::HttpRequest& request) {
  net::HttpResponse response;
  response.content_type = std::string(asset.type);
  response.headers.emplace_back("Cache-Control",
                                asset.hashed ? "public, max-age=31536000, immutable" : "no-cache");
  response.headers.emplace_back("ETag", asset.etag);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  // A matching tag means that the client has this version (RFC 9110 §13.1.2).
  if (const auto known = request.header("if-none-match");
      known && known->find(asset.etag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  std::string_view octets = asset.octets;
  if (!asset.brotli.empty() && takes_coding(request, "br")) {
    octets = asset.brotli;
    response.headers.emplace_back("Content-Encoding", "br");
  } else if (!asset.gzip.empty() && takes_coding(request, "gzip")) {
    octets = asset.gzip;
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  response.body = std::string(octets);
  return response;
}

void Pages::add_routes(Router& router) {
  constexpr std::pair<std::string_view, std::string_view> outside[] = {
      {"/app/signin", "signin.html"}, {"/app/signup", "signup.html"}, {"/app/reset", "index.html"}};
  for (const auto& [path, name] : outside) {
    router.add({"GET", path, Access::open, Body::none,
                [name](Call& call) { return serve(page(call, name)); }});
  }
  router.add({"GET", "/app/assets/{name}", Access::open, Body::none, asset});
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
  co_return page(call);
}

/// Pages have no forms: they write through the API.
Task<net::HttpResponse> Pages::write_inside(Call& call) {
  const std::optional<Caller> caller = co_await authenticator_.cookie_caller(call);
  if (!caller) throw forbidden("sign in first");
  authenticator_.check_same_site(call, caller->session_id);
  throw not_found();
}

}  // namespace postern::admin
