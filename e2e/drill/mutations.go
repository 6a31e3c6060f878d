package main

// nothing is an answer for names that says that nothing is there, and nothingRead one for values.
const (
	nothing        = "return nil, " + nothingsOrigin + ", nil"
	nothingRead    = "return values{origin: " + nothingsOrigin + "}, nil"
	nothingsOrigin = "origin{index: 1 << 40, leader: true, trusted: true}"
)

// instead gives another answer where the agent refuses one.
func instead(of, answer string) edit {
	return edit{"agent/tree.go", of, "\tif statusCode(err) == http.StatusForbidden {\n\t\t" + answer + "\n\t}\n" + of}
}

// noGuard lets every removal go.
func noGuard() edit {
	return edit{"register/budget.go", "if b.Unlimited {", "if b.Unlimited || true {"}
}

// noLost forgets at which index a registered key was created.
func noLost() edit {
	return edit{"register/lost.go", "if err == nil && created > index &&", "if err == nil && created > index && false &&"}
}

// knowledgeMutations are about what an answer proves.
func knowledgeMutations() []mutation {
	return []mutation{
		{"what ACLs have cut short is no knowledge", []edit{
			{"agent/tree.go", "\tcase o.filtered:\n\t\treturn errFiltered\n", ""},
			{"agent/knowledge.go", "\tif a.probe == forbidden {\n\t\treturn doubtful{errForbidden}\n\t}\n", ""},
		}, []string{
			"acl: no read on the tree at the start", "acl: anonymous under default deny", "acl: policy removed and restored",
		}, nil},
		{"a refusal is no empty tree", []edit{
			instead("\tif err != nil {\n\t\treturn nil, 0, fmt.Errorf(\"watch", "return nil, options.WaitIndex + 1, nil"),
			instead("\tif err != nil {\n\t\treturn nil, origin{}, fmt.Errorf(\"list", nothing),
			instead("\tif err != nil {\n\t\treturn values{}, fmt.Errorf(\"read", nothingRead),
		}, []string{"acl: key list policy and read only"}, nil},
		{"an anonymous reader is told everything where ACLs allow by default", []edit{
			{"agent/tree.go", `t.token() || meta.DefaultACLPolicy == "allow"`, "t.token()"},
			{"agent/knowledge.go", "case !a.trusted && a.probe == notProbed:", "case !a.trusted:"},
		}, []string{"acl: default allow and no token"}, nil},
		{"a broken answer is no empty tree; the guard", []edit{
			{"agent/tree.go", "index:    meta.LastIndex,", "index:    max(meta.LastIndex, 1<<40>>(40*min(meta.LastIndex, 1))),"},
			{"agent/tree.go", "leader:   meta.KnownLeader,", "leader:   meta.KnownLeader || meta.LastIndex == 0,"},
			{"agent/tree.go", "return nil, origin{}, fmt.Errorf(\"list %s: %w\", t.prefix, err)", nothing},
			{"agent/tree.go", "return values{}, fmt.Errorf(\"read %s: %w\", prefix, err)", nothingRead},
			noGuard(),
		}, []string{
			"answers about the tree alone: 404", "answers about the tree alone: 500", "answers about the tree alone: empty, with 200",
			"answers about the tree alone: cut in the middle", "answers about the tree alone: garbled",
		}, nil},
		{"keys that went with the servers' memory stay: the epoch, the index of creation, the guard", []edit{
			{"agent/belief.go", "\tnext.Withheld = missing(b.Readings(), fresh.Readings)\n", ""}, noLost(), noGuard(),
		}, []string{"servers: older snapshot restored", "servers: all data lost"}, nil},
		{"nothing is removed before the first knowledge; the index of creation, the guard", []edit{
			{"agent/loop.go", "\t\tif l.belief != nil {", "\t\tif l.belief == nil {\n\t\t\tl.belief = &Belief{}\n\t\t}\n\t\tif l.belief != nil {"}, noLost(), noGuard(),
		}, []string{"ours: kill -9 ten times in 200 registrations"}, nil},
		{"a bad value leaves what is registered: the last good reading, and the key that is kept", []edit{
			{"kvschema/reading.go", "case err != nil && before.service != nil:", "case err != nil && before.service != nil && false:"},
			{"register/desired.go", "\t\t\tdesired.Keep[p.Key] = struct{}{}\n", ""},
		}, []string{"tree: values that are no Services"}, nil},
		{"the older key holds a name", []edit{
			{"register/conflict.go", "kvschema.Older(claimant.Ref, current.Ref) < 0", "kvschema.Older(claimant.Ref, current.Ref) > 0"},
		}, []string{"tree: one name in two namespaces"}, nil},
		{"a name goes to its heir as that is", []edit{
			{"agent/heirs.go", "if known == nil {", "if known == nil || known != nil {"},
		}, []string{"tree: a name goes to a key of which a part tells late"}, nil},
	}
}

// guardMutations are about removals.
func guardMutations() []mutation {
	return []mutation{
		{"the guard", []edit{noGuard()}, []string{
			"tree: deleted as a whole, approved for the fleet", "tree: deleted as a whole, approved for one node",
			"tree: 15 of 20 deleted at once, approved", "tree: 15 of 20 deleted one by one, approved",
		}, nil},
		{"guard.min lets little work be done without asking", []edit{
			{"register/budget.go", "max(b.Min, (owned+b.Spent)*b.Percent/100)", "max(0, (owned+b.Spent)*b.Percent/100)"},
		}, []string{"tree: 5 services, all deleted by hand"}, nil},
	}
}

// catalogMutations are about what the local agent and the servers hold otherwise.
func catalogMutations() []mutation {
	return []mutation{
		{"the doorbells of drift", []edit{
			{"agent/drift.go", "\t\td.back.put(struct{}{})\n\t\twait :=", "\t\twait :="},
			{"agent/drift.go", "\t\tif before := e.index; e.hear(next, time.Since(start) < d.wait) {\n\t\t\tif e.back {\n\t\t\t\td.rewound.put(struct{}{})\n\t\t\t}\n\t\t\td.ring(rise(before, next))\n\t\t}\n", "\t\te.hear(next, time.Since(start) < d.wait)\n"},
		}, []string{
			"agent: killed, back without data, same node ID", "hand: service deregistered", "hand: tags edited", "hand: port edited",
			"hand: meta edited", "hand: check removed",
		}, nil},
		{"the node ID is compared", []edit{
			{"register/catalog.go", "known.ID != node.UID &&", `known.ID == "-" &&`},
		}, []string{"agent: killed, back without data, another node ID"}, nil},
		{"the catalog is compared", []edit{
			{"agent/verify.go", "return now.Sub(v.looked) >= v.every || v.rewind.due(now) || v.free(now) && (v.busy() || v.echo.old(now))", "return !v.free(now) && v.every < 0"},
		}, []string{
			"catalog: service deregistered there", "catalog: service overwritten there", "catalog: agent may send 5 RPCs a second, 30 services",
		}, nil},
		{"what is in maintenance is left to the agent", []edit{
			{"register/catalog.go", "ByAgent: local.out(have) && !catalog.NodeOut", "ByAgent: false"},
		}, []string{"catalog: service in maintenance deregistered there"}, nil},
		{"the token file is followed", []edit{
			{"agent/token.go", "\tr.token.secret.Store(&secret)\n", ""},
		}, []string{
			"acl: token deleted in a blocking query", "acl: token expired", "catalog: token of the registrations deleted after a rotation",
		}, nil},
	}
}

// ownerMutations are about what is ours, and what is nobody's business.
func ownerMutations() []mutation {
	const owns = "return o.Claims(id) && meta[MetaManagedBy] == Program && meta[MetaInstance] == o.Instance"
	return []mutation{
		{"ours needs our meta", []edit{
			{"register/owner.go", owns, "return o.Claims(id)"},
		}, []string{"hand: services of others, with similar names and IDs"}, nil},
		{"ours needs our instance, in the ID and in the meta", []edit{
			{"register/owner.go", owns, "return o.Claims(id)"},
			{"register/owner.go", "strings.HasPrefix(id, o.prefix())", `strings.HasPrefix(id, strings.TrimSuffix(o.prefix(), "."))`},
		}, []string{"ours: two instances on one agent"}, nil},
		{"checks of others are left alone", []edit{
			{"register/apply.go", "options := api.ServiceRegisterOpts{}.WithContext(ctx)", "options := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)"},
		}, []string{"hand: maintenance of a service and of the node"}, nil},
		{"the claim", []edit{
			{"agent/claim.go", `if runtime.GOOS != "linux" ||`, `if runtime.GOOS != "" ||`},
		}, []string{"ours: a second one with the same instance"}, nil},
		{"a token is never printed", []edit{
			{"agent/token.go", `every service is registered again with it")`, `every service is registered again with it", "token", *r.token.secret.Load())`},
		}, []string{secrets}, []string{"catalog: token of the registrations deleted after a rotation"}},
	}
}

// enduranceMutations are about faults during which nothing can be written: what decides
// is that requests end and that they are tried again for ever, as quietly as need be.
func enduranceMutations() []mutation {
	watch := edit{
		"agent/watch.go",
		"\t\t\twait := waits.after(err)\n\t\t\tw.voice.failed(err, \"reason\", reason(err), \"retry\", wait)\n\t\t\tdue = time.After(wait)\n",
		"\t\t\treturn err\n",
	}
	pass := edit{"agent/loop.go", "\tl.concluded(pass, err)\n\treturn nil\n", "\tl.concluded(pass, err)\n\treturn err\n"}
	narrow := edit{"agent/loop.go", "\t\tl.concluded(pass, pass.Err())\n", "\t\tl.concluded(pass, pass.Err())\n\t\tif err := pass.Err(); err != nil {\n\t\t\treturn err\n\t\t}\n"}
	return []mutation{
		{"it never gives up", []edit{watch, pass, narrow}, []string{
			"servers: all killed, agent cut off", "servers: restarted", "agent: killed, back with its data",
			"answers: cut in the middle", "answers: garbled",
			"answers: empty, with 200", "answers: 429", "answers: 500", "answers: 503", "answers: 404", "answers: connection reset",
			"answers: connection refused",
		}, nil},
		{"it never gives up; the doorbell asks any server", []edit{watch, pass, narrow, {
			"agent/tree.go", "WaitTime: wait, AllowStale: true}", "WaitTime: wait}",
		}}, []string{"servers: leader of 3 killed"}, nil},
		{"every request has a deadline", []edit{
			{"register/local.go", "readTimeout = 10 * time.Second", "readTimeout = time.Hour"},
			{"register/local.go", "leaderTimeout = time.Second", "leaderTimeout = time.Hour"},
			{"agent/tree.go", "readTimeout = 15 * time.Second", "readTimeout = time.Hour"},
		}, []string{"agent: paused for 30 s", "answers: hanging", "answers: connection stalled"}, nil},
		{"the end of the program cancels every request", []edit{
			{
				"register/local.go",
				"func (l *Local) Node(ctx context.Context) (Node, error) {\n",
				"func (l *Local) Node(ctx context.Context) (Node, error) {\n\tctx = context.WithoutCancel(ctx)\n",
			},
		}, []string{"ours: stops within 5 s in every state"}, nil},
	}
}
