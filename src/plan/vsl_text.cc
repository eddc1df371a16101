#include "plan/vsl_text.h"

#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/sha256.h"
#include "base/text.h"
#include "dialect/vsl/generator.h"
#include "dialect/vsl/walk.h"

namespace postern::plan {

namespace vsl = dialect::vsl;
namespace json = boost::json;
using vsl::Kind;
using vsl::Node;

namespace {

/// The node as text, without places.
void write(const Node& node, std::string& out) {
  out += fmt::format("({} {:?} {:?} {:?} {} {} {:a}", static_cast<int>(node.kind), node.text,
                     node.word, node.content, node.flag, node.integer, node.real);
  for (const std::string& one : node.path) out += fmt::format(" p{:?}", one);
  for (const vsl::Name& one : node.names) out += fmt::format(" n{:?}", one.text);
  out += fmt::format(" {} {}", node.nodes.size(), node.file ? static_cast<int>(*node.file) : -1);
  for (const vsl::NodePtr& one : node.nodes) {
    if (one) {
      write(*one, out);
    } else {
      out += "()";
    }
  }
  for (const vsl::Arm& arm : node.arms) {
    out += fmt::format("[{}", arm.patterns.size());
    for (const vsl::NodePtr& one : arm.patterns) write(*one, out);
    if (arm.guard) write(*arm.guard, out);
    out += ":";
    write(*arm.body, out);
    out += "]";
  }
  out += ")";
}

void add_names(const Node& from, std::set<std::string>& names) {
  vsl::for_each_node(from, [&](const Node& node) {
    if (node.kind == Kind::variable || node.kind == Kind::call || node.kind == Kind::method) {
      names.insert(node.text);
      names.insert(node.path.begin(), node.path.end());
    }
    // A method may be called by its name: `list.map("f")`.
    if (node.kind == Kind::string && !node.text.empty() && node.text.size() < 64) {
      names.insert(node.text);
    }
    if (node.kind == Kind::import) names.insert("import");
    if (node.kind == Kind::service) names.insert("call_service");  // by its methods
  });
}

/// Whether a list is given a function by a name that is no literal: `list.filter("is_" + word)`.
bool computes_names(const Node& from) {
  bool does = false;
  vsl::for_each_node(from, [&](const Node& node) {
    if (node.kind != Kind::method) return;
    const vsl::BuiltIn* const method = vsl::built_in(node.text, node.nodes.size() - 1);
    if (method == nullptr || !method->calls) return;
    for (std::size_t at = 1; at < node.nodes.size(); ++at) {
      const Node& given = *node.nodes[at];
      const bool is_short = given.kind == Kind::string && given.text.size() < 64;
      does = does || !(given.kind == Kind::closure || is_short);
    }
  });
  return does;
}

/// Whether it declares a database, which may be a file in the policy's folder.
bool is_database(const Node& node) { return node.kind == Kind::service && node.word == "db"; }

/// Whether one is declared below the node.
bool has_file(const Node& from) {
  bool has = false;
  vsl::for_each_node(from, [&](const Node& node) { has = has || is_database(node); });
  return has;
}

bool is_stages(const Node& node) { return node.kind == Kind::map; }

/// Whether a statement at the top of a file declares one of the names.
bool declares(const Node& node, const std::set<std::string>& names) {
  switch (node.kind) {
    case Kind::export_let:
      return declares(*node.nodes.front(), names);
    case Kind::let:
    case Kind::object:
    case Kind::service:
      return names.contains(node.text);
    case Kind::import:
      return names.contains(node.text);
    case Kind::export_name:
      return names.contains(node.text) || names.contains(node.word);
    default:
      return true;  // it runs when the policy loads, and may do anything
  }
}

/// Lists, and what the configuration says. Where the policy is stored is told only by `toml`.
std::string surroundings(const vsl::VslPolicy& policy, bool with_toml) {
  json::object definition = json::parse(policy.definition()).as_object();
  definition.erase("entry");
  if (!with_toml) {
    definition.erase("toml_server");
    definition.erase("toml_app");
  }
  json::object lists;
  for (const json::value& name : definition.at("lists").as_array()) {
    lists[name.as_string()] = definition.at("files").at(name.as_string());
  }
  definition["files"] = std::move(lists);
  return json::serialize(definition);
}

/// The name of a file, by which others import it: nobody imports the first one.
std::string name_of_file(const vsl::VslPolicy& policy, const vsl::File& file) {
  return &file == &policy.sources().files.front() ? std::string() : file.name;
}

const Node* directive_node(const vsl::Sources& sources, const vsl::Directive& directive) {
  const Node* found = nullptr;
  for (const vsl::File& file : sources.files) {
    if (file.name != directive.file) continue;
    vsl::for_each_node_of(file, [&](const Node& node) {
      const bool is_it = node.kind == Kind::directive && node.text == directive.name;
      if (is_it && found == nullptr) found = &node;
    });
  }
  return found;
}

}  // namespace

VslDirective text_of(const vsl::VslPolicy& policy, std::size_t index) {
  const vsl::Directive& directive = policy.directives()[index];
  VslDirective result;
  std::string text = fmt::format("{} ", static_cast<int>(directive.stage));
  const Node* node = directive_node(policy.sources(), directive);
  if (node == nullptr) {
    text += policy.definition();
  } else {
    write(*node, text);
    add_names(*node, result.names);
    result.computes_names = computes_names(*node);
  }
  bool is_somewhere = false;  // where it is stored matters
  std::set<const void*> written;
  for (bool more = true; more;) {
    more = false;
    for (const vsl::File& file : policy.sources().files) {
      for (const vsl::Function& function : file.functions) {
        if (!result.names.contains(function.name) || !written.insert(&function).second) continue;
        more = true;
        text += fmt::format("fn {}/{} {}", function.name, function.parameters.size(),
                            name_of_file(policy, file));
        for (const vsl::Name& one : function.parameters) text += " " + one.text;
        write(*function.body, text);
        add_names(*function.body, result.names);
        result.computes_names = result.computes_names || computes_names(*function.body);
        is_somewhere = is_somewhere || has_file(*function.body);
      }
      for (const vsl::NodePtr& one : file.body) {
        if (is_stages(*one) || !declares(*one, result.names)) continue;
        if (!written.insert(one.get()).second) continue;
        more = true;
        text += name_of_file(policy, file);
        write(*one, text);
        add_names(*one, result.names);
        result.computes_names = result.computes_names || computes_names(*one);
        is_somewhere = is_somewhere || has_file(*one);
      }
    }
  }
  // Which file a computed path names is not known.
  if (result.names.contains("import") || result.computes_names) text += frame_of(policy);
  text += surroundings(policy, is_somewhere || result.names.contains("toml"));
  result.digest = hex_encode(sha256(text));
  return result;
}

bool may_ask_its_place(const vsl::VslPolicy& policy) {
  bool may = false;
  for (const vsl::File& file : policy.sources().files) {
    // `cfg` is another name of it.
    for (const char* const name : {"toml", "cfg"}) {
      may = may || file.text.find(name) != std::string::npos;
    }
    vsl::for_each_node_of(file, [&](const Node& node) { may = may || is_database(node); });
  }
  return may;
}

std::string frame_of(const vsl::VslPolicy& policy) {
  std::string text;
  for (const vsl::File& file : policy.sources().files) {
    text += name_of_file(policy, file);
    for (const vsl::Function& function : file.functions) {
      text += fmt::format("fn {}/{}", function.name, function.parameters.size());
      for (const vsl::Name& one : function.parameters) text += " " + one.text;
      write(*function.body, text);
    }
    for (const vsl::NodePtr& one : file.body) {
      if (!is_stages(*one)) write(*one, text);
    }
  }
  return hex_encode(sha256(text + surroundings(policy, true)));
}

}  // namespace postern::plan
