#include "admin/connection_policies.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/guarded_edit.h"
#include "admin/ports.h"
#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint.h"
#include "dialect/restrictions/section_report.h"

namespace postern::admin {

namespace restrictions = dialect::restrictions;
namespace json = boost::json;
using dialect::webhook::BodyReader;
using store::ListRevisionRow;
using store::WriteOutcome;

namespace {

constexpr std::string_view base = "/api/v1/connection-policies";
constexpr std::size_t longest_note = 500;
/// Octets of one value: far beyond any list written by hand.
constexpr std::size_t longest_value = 256 * 1024;

json::object row_json(const ListRevisionRow& row) {
  if (row.revision == 0) return {{"revision", 0}, {"source", nullptr}};
  return {{"revision", row.revision},
          {"source", to_string(row.source)},
          {"actor", row.actor.empty() ? json::value(nullptr) : json::value(row.actor)},
          {"note", row.note},
          {"created_at", to_rfc3339(row.created_at)}};
}

json::object lists_json(const Lists& lists, const std::string& hostname) {
  json::object out = row_json(lists.row);
  // If no lists are in force, shows an empty section: what a new one would begin with.
  for (auto& [name, value] : restrictions::written(lists.section.value_or(restrictions::Section{})))
    out[name] = std::move(value);
  out["enabled"] = lists.section.has_value();
  out["lint"] = lists.judged
                    ? json::value(restrictions::lint_json(*lists.section, *lists.judged, hostname))
                    : json::value(nullptr);
  return out;
}

/// `plan`: of the edit that they come from; null: of none.
net::HttpResponse lists_response(const Lists& lists, const std::string& hostname,
                                 const json::value* plan = nullptr) {
  json::object body = lists_json(lists, hostname);
  if (plan != nullptr) body["plan"] = *plan;
  net::HttpResponse response = json_response(200, body);
  response.headers.emplace_back("ETag", etag(lists.row.revision));
  return response;
}

std::string note_of(BodyReader& body) {
  const std::string note = body.text("note").value_or("");
  if (note.size() > longest_note || dialect::webhook::has_control(note)) {
    body.error("note", "must be at most 500 octets without control characters");
  }
  return note;
}

/// The value of a parameter: text, or for convenience a number or a boolean.
std::optional<std::string> value_of(const json::value& value) {
  if (value.is_string()) return json::value_to<std::string>(value);
  if (value.is_bool()) return value.as_bool() ? "yes" : "no";
  if (value.is_int64()) return std::to_string(value.as_int64());
  if (value.is_uint64()) return std::to_string(value.as_uint64());
  return std::nullopt;
}

/// Reads the members of "lists" or "parameters".
void take_values(BodyReader& body, std::string_view member, restrictions::Section& section) {
  const json::value* given = body.find(member);
  if (given == nullptr || given->is_null()) return;
  if (!given->is_object()) {
    body.error(member, "must be an object");
    return;
  }
  const bool of_lists = member == "lists";
  for (const auto& [key, value] : given->get_object()) {
    const std::string field = fmt::format("{}.{}", member, printable(key, 64));
    const std::string_view parameter = restrictions::parameter_named(key);
    const bool is_list = !restrictions::short_name(parameter).empty();
    const auto text = value_of(value);
    if (of_lists != is_list) {
      body.error(field, of_lists ? "is not a list; the lists are client, helo, sender, relay, "
                                   "recipient, data, end_of_data, etrn"
                                 : "is a list; write it in \"lists\"");
    } else if (!text || text->size() > longest_value) {
      body.error(field, "must be text, as in main.cf");
    } else if (text->find('\0') != std::string::npos) {
      body.error(field, "must not hold NUL");
    } else if (!section.parameters.emplace(std::string(parameter), *text).second) {
      body.error(field, "is set twice, under two names");
    }
  }
}

void take_word(BodyReader& body, std::string_view name, restrictions::Section& section) {
  const std::optional<std::string> word = body.text(name);
  if (!word) return;
  if (const std::string refusal = restrictions::take(section, name, *word, false); !refusal.empty())
    body.error(name, refusal);
}

}  // namespace

void refuse_wrong(const Lists& lists, const std::string& hostname) {
  const restrictions::Judged& judged = *lists.judged;
  json::array marks = restrictions::error_marks(*lists.section, judged, hostname);
  Refusal refusal{422, "validation_failed", {}, {}, {}};
  for (const json::value& one : marks) {
    const json::object& mark = one.as_object();
    const json::value& list = mark.at("list");
    const std::string field =
        list.is_string() ? fmt::format("lists.{}", list.as_string().c_str())
                         : fmt::format("parameters.{}", mark.at("parameter").as_string().c_str());
    refusal.fields.emplace(field, fmt::format("{}:{}: {}", mark.at("line").to_number<int>(),
                                              mark.at("column").to_number<int>(),
                                              mark.at("text").as_string().c_str()));
  }
  refusal.more["marks"] = std::move(marks);
  if (judged.opens_relay) {
    refusal.status = 409;
    refusal.code = "open_relay";
    refusal.sentence =
        "these lists would relay for unknown clients, or are not safe to use; the lists in force "
        "are unchanged";
    json::array witness;
    for (const std::string& line : restrictions::dialogue(judged.lint->witness))
      witness.emplace_back(line);
    refusal.more["witness"] = std::move(witness);
  } else {
    refusal.sentence = refusal.fields.empty() ? "the lists cannot be used"
                                              : fmt::format("{}: {}", refusal.fields.begin()->first,
                                                            refusal.fields.begin()->second);
  }
  throw refusal;
}

restrictions::Section section_of(const json::object& given) {
  static constexpr std::array<std::string_view, 6> writable = {
      "lists", "parameters", "mode", "errors", "require_complete_lists", "note"};
  static constexpr std::array<std::string_view, 7> read_only = {
      "revision", "source", "actor", "created_at", "enabled", "lint", "plan"};
  BodyReader body(given);
  body.refuse_unknown(writable, read_only, "connection policies");
  restrictions::Section section;
  take_values(body, "lists", section);
  take_values(body, "parameters", section);
  take_word(body, "mode", section);
  take_word(body, "errors", section);
  section.require_complete_lists = body.boolean("require_complete_lists").value_or(false);
  note_of(body);
  check(body);
  return section;
}

void ConnectionPolicies::add_routes(Router& router) {
  const auto add = [&](auto... route) { router.add_for_operators(*this, route...); };
  using Self = ConnectionPolicies;
  add("GET", base, Access::read, Body::none, &Self::show);
  add("PUT", base, Access::write, Body::json, &Self::replace);
  add("DELETE", base, Access::write, Body::none, &Self::remove);
  add("POST", "/api/v1/connection-policies/lint", Access::write, Body::json, &Self::lint);
  add("GET", "/api/v1/connection-policies/keywords", Access::read, Body::none, &Self::keywords);
  add("GET", "/api/v1/connection-policies/revisions", Access::read, Body::none, &Self::revisions);
  add("GET", "/api/v1/connection-policies/revisions/{id}", Access::read, Body::none,
      &Self::revision);
  add("POST", "/api/v1/connection-policies/rollback", Access::write, Body::json, &Self::roll_back);
}

RunningLists& ConnectionPolicies::lists() const {
  if (core_.deps.lists == nullptr) throw unavailable("this server has no connection policies");
  return *core_.deps.lists;
}

Lists ConnectionPolicies::judge(restrictions::Section section) const {
  return judged(std::move(section), lists().hostname(), lists().file_rules());
}

ListRevisionRow ConnectionPolicies::stored(std::uint64_t revision) const {
  auto row = unwrap(core_.deps.store.list_revision(revision));
  if (!row) throw Refusal{404, "not_found", "there is no such revision", {}, {}};
  return std::move(*row);
}

net::HttpResponse ConnectionPolicies::show(const Call&) const {
  return lists_response(*lists().current(), lists().hostname());
}

net::HttpResponse ConnectionPolicies::put(const Call& call, Lists next, std::string action) const {
  if (next.judged && !next.judged->ok()) refuse_wrong(next, lists().hostname());
  const std::uint64_t before = lists().current()->row.revision;
  if (!version_matches(call, before)) throw version_mismatch();
  std::optional<std::uint64_t> expected;
  if (call.request.header("if-match")) expected = before;
  GuardedEdit guarded(core_);
  guarded.lists(next);
  json::value plan;
  if (core_.deps.planner != nullptr) {
    PlanRequest edit{.before = {.lists = *lists().current()}, .after = {.lists = next}};
    edit.operates = true;
    plan = core_.deps.planner->brief(edit);
  }
  next.row.actor = call.caller.actor;
  next.row.created_at = call.now;
  json::object details{
      {"replaces", before}, {"source", to_string(next.row.source)}, {"plan", plan}};
  if (!next.row.note.empty()) details["note"] = next.row.note;
  const store::AuditRow audit = core_.audit(call, std::move(action), details);
  if (unwrap(lists().put(std::move(next), expected, audit)) != WriteOutcome::done)
    throw version_mismatch();
  return lists_response(*lists().current(), lists().hostname(), &plan);
}

net::HttpResponse ConnectionPolicies::replace(const Call& call) const {
  restrictions::Section section = section_of(call.body);
  Lists next;
  // Without lists and parameters, no lists are in force, as before the first revision.
  if (!section.parameters.empty()) next = judge(std::move(section));
  BodyReader body(call.body);
  next.row.note = note_of(body);
  next.row.source = ListRevisionRow::Source::api;
  return put(call, std::move(next), "connection_policies.updated");
}

net::HttpResponse ConnectionPolicies::remove(const Call& call) const {
  Lists none;
  none.row.source = ListRevisionRow::Source::api;
  return put(call, std::move(none), "connection_policies.removed");
}

net::HttpResponse ConnectionPolicies::lint(const Call& call) const {
  const Lists draft = judge(section_of(call.body));
  return json_response(200,
                       restrictions::lint_json(*draft.section, *draft.judged, lists().hostname()));
}

net::HttpResponse ConnectionPolicies::keywords(const Call&) const {
  return json_response(200, {{"data", restrictions::keyword_list()}});
}

net::HttpResponse ConnectionPolicies::revisions(const Call& call) const {
  const PageQuery query = page_of(call);
  const auto rows = unwrap(core_.deps.store.list_revisions(query.as_page()));
  json::array data;
  for (const ListRevisionRow& row : rows.rows) data.push_back(row_json(row));
  return paged(std::move(data), query, rows.total);
}

net::HttpResponse ConnectionPolicies::revision(const Call& call) const {
  ListRevisionRow row = stored(parse_number(call.ids[0]).value_or(0));
  const Lists then = unwrap(judged_again(std::move(row), lists().hostname(), lists().file_rules()));
  return lists_response(then, lists().hostname());
}

net::HttpResponse ConnectionPolicies::roll_back(const Call& call) const {
  BodyReader body(call.body);
  static constexpr std::array<std::string_view, 2> known = {"revision", "note"};
  body.refuse_unknown(known, {}, "rollback");
  if (body.find("revision") == nullptr) throw missing("revision");
  const auto number = body.integer("revision", 1, std::numeric_limits<std::int64_t>::max());
  const std::string note = note_of(body);
  check(body);
  const ListRevisionRow then = stored(static_cast<std::uint64_t>(*number));
  Lists next;
  if (!then.definition.empty()) {
    restrictions::Section section = unwrap(restrictions::section_from_json(then.definition));
    // Only the configuration file may declare that an open relay is intended.
    section.open_relay_is_known = false;
    next = judge(std::move(section));
  }
  next.row.note = note.empty() ? fmt::format("back to revision {}", then.revision) : note;
  next.row.source = ListRevisionRow::Source::rollback;
  return put(call, std::move(next), "connection_policies.rolled_back");
}

}  // namespace postern::admin
