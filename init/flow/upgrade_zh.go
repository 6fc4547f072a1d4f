package flow

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the MetaDB belongs to %s: there is nothing to upgrade, and this node does its own steps": "元信息库的版本已是 %s：无需升级，仅执行本节点自己的步骤",
			"[Step 2] Upgrade the OMS MetaDB":         "【步骤二】升级 OMS 元信息库",
			"[Completed] The last upgrade is undone.": "【结束】最近一次升级已撤销",
			"[Failed] The upgrade from %s to %s":      "【失败】从 %s 升级到 %s",
		}
	})
}
