#include "dialect/restrictions/footer.h"

#include <ctime>

#include "base/text.h"
#include "dialect/restrictions/reply_template.h"
#include "policy/inquiry.h"

namespace postern::dialect::restrictions {

namespace {

std::string footer_value(std::string_view name, const ListPolicy& policy,
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
    const Found other = co_await row_of(policy_->reject_filter_maps, reply, inquiry);
    if (other.status == Found::Status::found) {
      if (auto filtered = filtered_reply(other.value)) {
        filtered->after = reply.after;
        reply = std::move(*filtered);
      }
    }
    const Found found = co_await row_of(policy_->reject_footer_maps, reply, inquiry);
    const bool special = found.status == Found::Status::found;
    const std::string& text = special ? found.value : policy_->reject_footer;
    if (text.empty()) co_return reply;
    co_return with_footer(std::move(reply), text, *policy_, inquiry.evidence.session);
  }

 private:
  /// What the tables have for the whole reply.
  static Task<Found> row_of(const Maps& maps, const smtp::Reply& reply, policy::Inquiry& inquiry) {
    Found found;
    for (std::size_t round = 0; round < most_questions; ++round) {
      policy::Replies replies(inquiry.evidence);
      found = maps.find({reply.to_string()}, &replies);
      if (found.status != Found::Status::waiting || !replies.wanted()) break;
      co_await inquiry.consult(*replies.wanted());
    }
    co_return found;
  }

  static constexpr std::size_t most_questions = 8;
  std::shared_ptr<const ListPolicy> policy_;
};

}  // namespace

bool is_footer_name(std::string_view name) {
  return name == "client_address" || name == "client_port" || name == "localtime" ||
         name == "server_name";
}

std::optional<smtp::Reply> filtered_reply(std::string_view value) {
  const auto code = value.size() > 3 ? parse_number(value.substr(0, 3)) : std::nullopt;
  if (!code || *code < 400 || *code > 599) return std::nullopt;
  if (value[3] != ' ' && value[3] != '\t' && value[3] != '-') return std::nullopt;
  std::string_view text = trim(value.substr(4));
  const auto enhanced = smtp::take_enhanced(text);
  if (enhanced && enhanced->klass != *code / 100) return std::nullopt;
  return smtp::Reply{.code = static_cast<std::uint16_t>(*code),
                     .enhanced = enhanced.value_or(smtp::EnhancedCode{}),
                     .text = printable(text, 400)};
}

std::shared_ptr<const policy::ReplyRewriter> footer_of(std::shared_ptr<const ListPolicy> policy) {
  if (policy->reject_footer.empty() && policy->reject_footer_maps.empty() &&
      policy->reject_filter_maps.empty()) {
    return nullptr;
  }
  return std::make_shared<const Footer>(std::move(policy));
}

smtp::Reply with_footer(smtp::Reply reply, std::string_view footer, const ListPolicy& policy,
                        const policy::SessionFacts& session) {
  const bool joins = footer.starts_with("\\c");
  if (joins) footer.remove_prefix(2);
  std::string text = joins ? "" : "\n";
  const auto value = [&](std::string_view name) { return footer_value(name, policy, session); };
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
