#include "cli/made_pages.h"

#include "dialect/kumo/manual.h"
#include "dialect/restrictions/manual.h"
#include "dialect/vsl/manual.h"
#include "dialect/webhook/manual.h"
#include "policy/catalogue.h"
#include "smtp/codes.h"

namespace postern::app {

namespace {

std::string webhook_page() {
  return "## Fields and controls\n\n" + dialect::webhook::policy_manual() + "\n" +
         policy::checks::manual();
}

constexpr MadePage generated_pages[] = {
    {"postern-restrictions", 5, "words of the restriction lists of Postern",
     "The section [restrictions] of the configuration holds restriction lists as Postfix has them "
     "in main.cf. A list is a sequence of these words, from the first one that decides. The "
     "command postern import postfix makes the section out of a main.cf, and postern check proves "
     "that the lists relay for no unknown client. The handbook has their rules "
     "(restriction-lists.html).",
     dialect::restrictions::keyword_manual},
    {"postern-lua", 7, "events, functions and types of Lua policies of Postern",
     "A policy in the Lua dialect of KumoMTA is the file that policy names in the section [lua] of "
     "the configuration. Its handlers are called while a client speaks. The handbook has how they "
     "decide (lua-hooks.html).",
     dialect::kumo::api_manual},
    {"postern-vsl", 7, "functions and objects of .vsl policies of Postern",
     "A policy in the language of vSMTP is the folder that root names in the section [vsl] of the "
     "configuration, with main.vsl in it. The handbook has the language (vsl.html).",
     dialect::vsl::api_manual},
    {"postern-webhook-policies", 7, "fields and checks of webhook policies of Postern",
     "A webhook policy is a JSON object that belongs to an account. It is written through the API "
     "or the pages of the gateway, and applies to mail for the webhooks that it is attached to. "
     "The handbook has its life (webhook-policies.html).",
     webhook_page},
    {"postern-reply-codes", 7, "reply codes of Postern",
     "Every reply code that Postern gives by itself, with its enhanced status code (RFC 3463). "
     "The command postern help CODE shows those of one code. Scripts, tables of restriction lists "
     "and webhooks may choose others.",
     smtp::codes_manual},
};

}  // namespace

std::span<const MadePage> made_pages() { return generated_pages; }

}  // namespace postern::app
