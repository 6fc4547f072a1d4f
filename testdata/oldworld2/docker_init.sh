#!/bin/bash
cd /root
step() {
    printf -- '-%.0s' {1..80}
    printf '\n# 【%s】%s\n' "$1" "$2"
    printf -- '-%.0s' {1..80}
    echo
}
set -e
programs="crond nginx oms_console oms_drc_cm oms_drc_supervisor sshd oms_aux:*"
step 步骤一 '校验 config.yaml 配置文件'
python -m omsflow.scripts.units.oms_cluster_config --check /home/admin/conf/config.yaml
step 步骤二 '创建 OMS 元信息库'
python -m omsflow.scripts.units.oms_init_manager --init-db
step 步骤三 '创建 OMS 各组件的配置文件'
python -m omsflow.scripts.units.oms_init_manager --init-config-file
step 步骤四 '重启 OMS 所有组件（大约需要两分钟，请耐心等待）'
supervisorctl restart $programs
supervisorctl status $programs || true
step 步骤五 '初始化 OMS 资源标签和资源组'
python -m omsflow.scripts.units.oms_cluster_manager add_resource
date >/root/init_flag.txt
step 结束 全部初始化步骤执行成功
