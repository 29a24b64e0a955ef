import JambaSystem
import Testing

/// Limits as the kernel's files state them. The texts are those of real machines.
@Suite struct ControlGroupTests {
  func group(_ memberships: String, _ files: [String: String]) -> ControlGroup {
    ControlGroup(memberships: memberships) { files[$0] }
  }

  @Test func version2() {
    let files = [
      "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.max": "1073741824\n",
      "/sys/fs/cgroup/a/b/cpu.max": "150000 100000\n", "/sys/fs/cgroup/a/cpu.max": "max 100000\n",
    ]
    #expect(group("0::/a/b\n", files).memoryLimit == 1 << 30)
    #expect(group("0::/a/b\n", files).processorLimit == 2)
    #expect(group("0::/c\n", files).memoryLimit == nil)
    #expect(group("0::/c\n", files).processorLimit == nil)
  }

  @Test func version1() {
    let memberships = "5:cpu,cpuacct:/x\n4:memory:/x/y\n1:name=systemd:/\n0::/\n"
    let files = [
      "/sys/fs/cgroup/memory/x/y/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "536870912\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "50000\n",
      "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    ]
    #expect(group(memberships, files).memoryLimit == 512 << 20)
    #expect(group(memberships, files).processorLimit == 1)
    #expect(group("4:memory:/\n", files).memoryLimit == nil, "no limit is said with the largest number of pages")
  }

  /// In a container the path is the host's and the mount shows the container's own group at its root.
  @Test func containersSeeTheirOwnGroupAtTheRoot() {
    #expect(group("0::/docker/123\n", ["/sys/fs/cgroup/memory.max": "268435456"]).memoryLimit == 256 << 20)
  }

  @Test(arguments: ["", "::::", "4:memory", "nonsense\n", "0::/../../..\n"])
  func damagedTextsSayNothing(text: String) {
    #expect(group(text, [:]).memoryLimit == nil)
    #expect(group(text, ["/sys/fs/cgroup/memory.max": "many", "/sys/fs/cgroup/cpu.max": "1 0"]).processorLimit == nil)
  }
}
