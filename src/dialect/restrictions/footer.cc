#include "dialect/restrictions/footer.h"

#include <ctime>

#include "base/text.h"
#include "dialect/restrictions/reply_template.h"

namespace postern::dialect::restrictions {

namespace {

std::string value_of(std::string_view name, const ListPolicy& policy,
                     const policy::SessionFacts& session) {
  if (name == "client_address") return session.client_ip.to_string();
  if (name == "client_port") return std::to_string(session.client_port);
  if (name == "server_name") return policy.myhostname;
  if (name != "localtime") return {};
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  char text[64] = {};
  if (localtime_r(&now, &local) == nullptr) return {};
  return std::string(text, std::strftime(text, sizeof text, "%b %d %H:%M:%S", &local));
}

class Footer final : public policy::ReplyRewriter {
 public:
  explicit Footer(std::shared_ptr<const ListPolicy> policy) : policy_(std::move(policy)) {}

  Task<smtp::Reply> rewrite(smtp::Reply reply, std::optional<std::string> /*command*/,
                            policy::Inquiry& inquiry) const override {
    if (reply.code < 400) co_return reply;
    Found found;
    for (std::size_t round = 0; round < most_questions; ++round) {
      policy::Replies replies(inquiry.evidence);
      found = policy_->reject_footer_maps.find({reply.to_string()}, &replies);
      if (found.status != Found::Status::waiting || !replies.wanted()) break;
      co_await inquiry.consult(*replies.wanted());
    }
    const bool special = found.status == Found::Status::found;
    const std::string& text = special ? found.value : policy_->reject_footer;
    if (text.empty()) co_return reply;
    co_return with_footer(std::move(reply), text, *policy_, inquiry.evidence.session);
  }

 private:
  static constexpr std::size_t most_questions = 8;
  std::shared_ptr<const ListPolicy> policy_;
};

}  // namespace

bool is_footer_name(std::string_view name) {
  return name == "client_address" || name == "client_port" || name == "localtime" ||
         name == "server_name";
}

std::shared_ptr<const policy::ReplyRewriter> footer_of(std::shared_ptr<const ListPolicy> policy) {
  if (policy->reject_footer.empty() && policy->reject_footer_maps.empty()) return nullptr;
  return std::make_shared<const Footer>(std::move(policy));
}

smtp::Reply with_footer(smtp::Reply reply, std::string_view footer, const ListPolicy& policy,
                        const policy::SessionFacts& session) {
  const bool joins = footer.starts_with("\\c");
  if (joins) footer.remove_prefix(2);
  std::string text = joins ? "" : "\n";
  const auto value = [&](std::string_view name) { return value_of(name, policy, session); };
  while (!footer.empty()) {
    const std::size_t line = footer.find("\\n");
    text += printable(fill_template(footer.substr(0, line), value), 400);
    if (line == std::string_view::npos) break;
    text += '\n';
    footer.remove_prefix(line + 2);
  }
  if (!reply.masked.empty()) reply.masked += text;
  reply.text += text;
  return reply;
}

}  // namespace postern::dialect::restrictions
