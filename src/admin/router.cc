#include "admin/router.h"

#include "admin/core.h"
#include "base/text.h"

namespace postern::admin {
namespace {

/// Whether the segments match the template; fills `ids`.
bool fits(const std::vector<std::string_view>& pieces, const std::vector<std::string>& segments,
          std::vector<std::string>& ids) {
  ids.clear();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i] == "{*}") return true;
    if (i >= segments.size()) return false;
    if (pieces[i].starts_with('{')) {
      if (segments[i].empty()) return false;
      ids.push_back(segments[i]);
    } else if (pieces[i] != segments[i]) {
      return false;
    }
  }
  return pieces.size() == segments.size();
}

}  // namespace

std::function<Task<net::HttpResponse>(Call&)> Router::on_disk(
    std::function<net::HttpResponse(const Call&)> endpoint) const {
  return [&core = core_, endpoint = std::move(endpoint)](const Call& call) {
    return core.disk(call, endpoint);
  };
}

void Router::add(Route route) {
  const std::vector<std::string_view> pieces = split(route.path.substr(1), '/');
  entries_.push_back({std::move(route), pieces});
}

std::vector<std::pair<std::string, std::string>> Router::templates() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Entry& entry : entries_) {
    all.emplace_back(std::string(entry.route.method), std::string(entry.route.path));
  }
  return all;
}

Router::Match Router::find(const std::string& method,
                           const std::vector<std::string>& segments) const {
  Match match;
  std::vector<std::string> ids;
  for (const Entry& entry : entries_) {
    if (!fits(entry.pieces, segments, ids)) continue;
    if (match.path.empty()) match.path = entry.route.path;
    if (entry.route.path != match.path) continue;  // a later, more general template
    if (entry.route.method == method) {
      match.route = &entry.route;
      match.ids = ids;
      return match;
    }
    match.allow += (match.allow.empty() ? "" : ", ") + std::string(entry.route.method);
    if (entry.route.method == "GET") match.allow += ", HEAD";
  }
  return match;
}

}  // namespace postern::admin
