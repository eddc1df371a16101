#include "dialect/vsl/library.h"

namespace postern::dialect::vsl {

namespace {

const std::vector<Group>& groups() {
  static const std::vector<Group> all{
      status_functions(),  session_functions(), offered_functions(),  envelope_functions(),
      message_functions(), utility_functions(), security_functions(), service_functions()};
  return all;
}

const std::map<std::string_view, Signature>& signatures() {
  static const std::map<std::string_view, Signature> all = signatures_of(groups());
  return all;
}

}  // namespace

Signature signature_of(std::string_view name) {
  const auto found = signatures().find(name);
  return found == signatures().end() ? Signature{} : found->second;
}

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, signature] : signatures()) names.push_back(name);
  return names;
}

std::vector<script::HostTable> all_functions() {
  std::vector<script::HostTable> tables;
  for (const Group& group : groups()) tables.push_back(group.functions);
  return tables;
}

}  // namespace postern::dialect::vsl
