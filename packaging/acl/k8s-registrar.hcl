# The ACL policy of k8s-registrar: all that it asks of Consul, and nothing more.
#
#   consul acl policy create -name k8s-registrar -rules @k8s-registrar.hcl
#   consul acl token create -description k8s-registrar -policy-name k8s-registrar
#
# One policy serves all nodes. The Consul agent itself needs a token of its own with
# node:write on its node, or it cannot take a service out of the catalog.
#
# If key_path is another than "kubernetes", change it here in two places.

# Read the tree. The rule must cover all of it: an answer that ACLs have cut short is
# not believed at all. "list" and not "read", since servers that have
# acl.enable_key_list_policy set ask for it; it includes read.
key_prefix "kubernetes/deployments/" {
  policy = "list"
}

# See whether a human has approved a big removal. To approve, that human needs "write"
# here; the daemon does not, and should not have it.
key_prefix "kubernetes/registrar/approvals/" {
  policy = "list"
}

# Register, update and remove services, and see them in the catalog. Consul keeps this
# token with each service and uses it for what becomes of its check. The names are
# those of the Kubernetes Services, so any name may occur.
service_prefix "" {
  policy = "write"
}

# See what the servers hold for this node, and hear at once when that changes. To be
# stricter have a policy for each node, with node "<name>" and agent "<name>"; but where
# spread.copies is set, each node has to see the others.
node_prefix "" {
  policy = "read"
}

# Ask the local agent for the node's name and address. Without it node.address must be
# set, and neither the catalog nor an approval for this node alone is looked at.
agent_prefix "" {
  policy = "read"
}
