import sys, time, tempfile
from pathlib import Path
from dynamicrypt.demo.acquaintance import introduce as make_known
from dynamicrypt.demo.daemon import Daemon
from tests.foreign.application import Application, introduce
def lck(n): return int([l for l in Path(f"/proc/{n.pid}/status").read_text().splitlines() if l.startswith("VmLck")][0].split()[1])
for prof in sys.argv[1:]:
    top=Path(tempfile.mkdtemp()); st=(top/"n",top/"s")
    for s in st: s.mkdir(mode=0o700)
    make_known(st)
    nodes=[Daemon(s,"--api-auth","none","--profile",prof) for s in st]
    for n in nodes: n.start()
    r=[lck(nodes[0])]
    for i in range(3):
        a,b=[Application(n.api_port) for n in nodes]
        introduce(a,b,(f"a{i}",f"b{i}")); a.patiently("x",1); time.sleep(1); r.append(lck(nodes[0]))
    print(prof,"VmLck kB: idle, then 1..3 channels",r, flush=True)
    for n in nodes: n.stop()
