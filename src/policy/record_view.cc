#include <boost/json.hpp>

#include "policy/record.h"

namespace postern::policy {

namespace {

namespace json = boost::json;

/// Which of the record's routes belong to the account.
std::vector<bool> own_routes(const json::array& routes, std::string_view account_id) {
  std::vector<bool> own;
  for (const json::value& route : routes) {
    own.push_back(route.at("account").as_string() == account_id);
  }
  return own;
}

/// A recipient of another account or of none: addresses that the gateway itself accepts or refuses
/// are for its operators only.
bool is_foreign(const json::value& recipient, const std::vector<bool>& own) {
  const json::value* route = recipient.as_object().if_contains("route");
  return route == nullptr || !own.at(route->to_number<std::size_t>());
}

void hide_judged(json::value& recipient, const std::vector<bool>& own) {
  const json::value* judged = recipient.as_object().if_contains("judged");
  if (judged != nullptr && is_foreign(*judged, own)) recipient.as_object().erase("judged");
}

/// Replaces the data of another account.
json::object hidden() { return {{"hidden", true}}; }

/// Policies of other accounts that the same user name and password open.
void hide_grants(json::object& session, std::string_view name, const json::array& routes) {
  json::value* auth = session.if_contains(name);
  if (auth == nullptr) return;
  json::array kept;
  for (const json::value& id : auth->at("granted").as_array()) {
    for (const json::value& route : routes) {
      const json::value* policy = route.as_object().if_contains("policy_id");
      if (policy == nullptr || *policy != id) continue;
      kept.push_back(id);
      break;
    }
  }
  auth->as_object()["granted"] = std::move(kept);
}

/// Removes what services, tables and scripts were asked: it names all recipients. Invalidates
/// references to members of the record.
void hide_questions(json::object& record) {
  for (json::value& decision : record.at("decisions").as_array())
    decision.as_object().erase("script");
  record.erase("consulted");
  record.erase("copies");
}

}  // namespace

void hide_logins(json::object& record) {
  for (json::value& decision : record.at("decisions").as_array()) {
    decision.as_object().erase("login");
  }
}

void hide_other_accounts(json::object& record, std::string_view account_id) {
  json::array& routes = record.at("routes").as_array();
  const std::vector<bool> own = own_routes(routes, account_id);
  json::array& recipients = record.at("recipients").as_array();
  bool others = false;
  for (json::value& decision : record.at("decisions").as_array()) {
    json::value* recipient = decision.as_object().if_contains("recipient");
    if (recipient == nullptr) {
      // Stages after RCPT were judged by the first recipient's policy.
      if (!recipients.empty() && is_foreign(recipients.at(0), own)) {
        decision.as_object()["steps"] = json::array();
      }
      continue;
    }
    const bool accepted = recipient->is_number();
    const json::value& listed =
        accepted ? recipients.at(recipient->to_number<std::size_t>()) : *recipient;
    const json::value* judged = listed.as_object().if_contains("judged");
    if (!is_foreign(judged != nullptr ? *judged : listed, own)) continue;
    decision = hidden();
    others = true;
  }
  for (json::value& recipient : recipients) {
    if (is_foreign(recipient, own)) {
      recipient = hidden();
      others = true;
    }
    hide_judged(recipient, own);
  }
  for (std::size_t i = 0; i < routes.size(); ++i) {
    if (!own[i]) routes[i] = hidden();
  }
  for (const char* name : {"auth", "revoked"})
    hide_grants(record.at("session").as_object(), name, routes);
  if (others) hide_questions(record);
}

}  // namespace postern::policy
