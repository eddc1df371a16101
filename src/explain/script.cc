#include "explain/script.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"

namespace postern::app {

namespace json = boost::json;

namespace {

constexpr std::size_t most = 200;

std::string address_at(const policy::Evidence& evidence, std::size_t index) {
  return index < evidence.recipients.size() ? evidence.recipients[index].address.text() : "";
}

}  // namespace

std::string evidence_of(const policy::Step& step) {
  std::string text = step.verdict.detail;
  if (!step.key.empty()) text += (text.empty() ? "[key " : " [key ") + step.key + "]";
  if (!step.spent.empty()) text += (text.empty() ? "[" : " [") + step.spent + "]";
  return text;
}

json::array copies_json(const policy::Evidence& evidence) {
  json::array copies;
  for (const policy::ScriptCopy& copy : evidence.copies) {
    json::array recipients;
    for (const std::size_t index : copy.recipients) {
      recipients.emplace_back(address_at(evidence, index));
    }
    json::object one{{"recipients", std::move(recipients)}, {"meta", copy.meta}};
    if (copy.reverse_path || copy.null_path) {
      one["sender"] = copy.reverse_path ? copy.reverse_path->text() : "";
    }
    if (!copy.forward_paths.empty()) {
      json::array& sent_to = one["sent_to"].emplace_array();
      for (const mail::Mailbox& to : copy.forward_paths) sent_to.emplace_back(to.text());
    }
    if (copy.to_nobody) one["to_nobody"] = true;
    if (!copy.transports.empty()) {
      json::object& transports = one["transports"].emplace_object();
      for (const auto& [address, transport] : copy.transports) {
        transports[address] = policy::to_string(transport);
      }
    }
    copies.push_back(std::move(one));
  }
  return copies;
}

std::string copies_text(const policy::Evidence& evidence) {
  std::string out;
  for (const policy::ScriptCopy& copy : evidence.copies) {
    if (copy.is_as_it_came() && copy.meta.empty()) continue;
    out += "  for";
    for (const std::size_t index : copy.recipients) {
      out += " " + printable(address_at(evidence, index), most);
    }
    out += "\n";
    if (copy.null_path) out += "    sender = <>\n";
    if (copy.reverse_path) {
      out += "    sender = " + printable(copy.reverse_path->text(), most) + "\n";
    }
    for (const mail::Mailbox& to : copy.forward_paths) {
      out += "    to " + printable(to.text(), most) + "\n";
    }
    if (copy.to_nobody) out += "    no recipients\n";
    if (copy.text || copy.header) out += "    header changed\n";
    for (const auto& [address, transport] : copy.transports) {
      out += fmt::format("    {} by {}\n", printable(address, most),
                         printable(policy::to_string(transport), most));
    }
    for (const auto& [name, value] : copy.meta) {
      out += fmt::format("    {} = {}\n", printable(name, most),
                         printable(json::serialize(value), most));
    }
  }
  return out;
}

}  // namespace postern::app
