"""Chinese vocabulary of the sample corpus."""

from types import MappingProxyType

from scribetune.phrases import ExperimentWords, Phrases

_SLOTS = MappingProxyType(
    {
        "company": (
            "东方机械", "海河电子", "江南纸业", "明光玻璃", "长城物流", "华北能源", "新星软件", "金山食品",
            "安平医药", "天元建材", "远景光电", "北方轮胎", "三江水务", "南海航运", "青山木业", "百合纺织",
            "立信财务", "同济科技",
        ),
        "person": (
            "王明", "李华", "张伟", "刘洋", "陈静", "赵军", "黄立", "周平", "吴文", "徐方", "孙丽", "马超", "高远",
            "林清",
        ),
        "team": (
            "销售部", "财务部", "采购部", "人事部", "质检部", "物流部", "客服中心", "审计组", "研发部", "生产部",
            "法务部",
        ),
        "place": (
            "北京", "上海", "广州", "天津", "南京", "武汉", "成都", "西安", "青岛", "大连", "长沙", "昆明", "深圳",
            "海口",
        ),
        "product": (
            "钢材", "电机", "水泵", "灯具", "轮胎", "纸张", "软件", "食品", "药品", "玻璃", "电池", "家具", "布料",
            "工具",
        ),
        "reason": (
            "原料价格上升", "订单增加", "新产品上市", "天气转冷", "运费下降", "出口回升", "设备检修", "需求不足",
            "人工成本提高", "税率调整", "客户提前付款", "工厂搬迁",
        ),
        "measure": (
            "降低库存", "更换设备", "增加班次", "开拓新市场", "清理应收账款", "培训新员工", "调整价格", "合并仓库",
            "签订长期合同", "推迟投资", "检查全部合同", "改用新材料",
        ),
        "subject": (
            "年度审计", "停车管理", "出差费用", "安全检查", "办公用品", "数据备份", "值班安排", "新员工培训",
            "会议室使用", "消防演习", "食堂价格", "合同编号", "软件更新", "客户来访", "档案整理", "节约用电",
        ),
        "document": (
            "合同草案", "价目表", "检测报告", "会议纪要", "订货单", "预算表", "验收单", "施工图", "登记表",
            "培训计划",
        ),
        "weekday": ("周一", "周二", "周三", "周四", "周五"),
        "item": (
            "打印纸", "台灯", "办公椅", "数据线", "电池", "手套", "文件夹", "墨水", "工具箱", "水杯", "地垫", "电钻",
            "白板", "插座", "标签纸", "木板", "油漆", "螺丝", "笔记本", "茶叶",
        ),
        "street": ("中山路", "人民路", "建设街", "解放路", "和平街", "文化路", "科技路"),
        "apparatus": (
            "电子天平", "游标卡尺", "秒表", "温度计", "电压表", "光电门", "水浴锅", "量筒", "米尺", "数据采集器",
        ),
    }
)  # fmt: skip

_TEXTS = MappingProxyType(
    {
        "financial.title": (
            "季度财务报告", "{company}季度财务报告", "{year}年第{quarter}季度财务报告", "{company}{year}年报",
            "经营情况说明", "{year}年经营成果", "{company}主要指标", "{year}年上半年财务简报", "收入与成本分析",
            "{company}财务摘要",
        ),
        "financial.opening": (
            "本季度营收同比增长{percent}，主要原因是{reason}。", "由于{reason}，成本下降{percent}。",
            "公司实现净利润{nnn}万元，比上年多{nn}万元。", "{product}销量为{nnn}套，{place}地区增长最快。",
            "与预算相比，收入少了{nn}万元。", "{place}和{place}的订单合计增长{percent}。",
            "截至{date}，负债总额为{nnn}万元。", "现金流保持为正，共{nnn}万元。", "{product}占全部收入的{share}。",
            "受{reason}影响，毛利率为{percent}。", "出口到海外的{product}增加了{percent}。",
            "{place}分公司由亏转盈，利润{nn}万元。",
        ),
        "financial.comment": (
            "以上数据未经审计。", "金额单位为万元。", "最后一列为同比变化。", "数据由{person}核对。",
            "{place}的数字为估计值。", "详细说明见第{n}页。", "运费不计入合计。", "报表由{team}编制。",
        ),
        "financial.formula_title": ("计算方法", "{name}的计算", "指标说明", "{name}", "公式说明", "计算依据"),
        "financial.lead": (
            "{name}按下式计算：", "{name}的定义如下：", "我们用两个数求{name}：", "与上年相同，{name}为：",
            "{team}这样计算{name}：",
        ),
        "financial.symbol": (
            "式中<symbol>表示{name}。", "这里<symbol>是{name}。", "目标是使<symbol>提高{percent}。",
            "上年<symbol>为{decimal}。", "符号<symbol>代表{year}年的{name}。",
        ),
        "financial.section": ("要点", "主要变化", "重要事项", "风险提示", "原因分析"),
        "financial.highlight": (
            "{product}增长{percent}", "{reason}", "在{place}签订新合同", "新开门店{n}家", "归还贷款{nnn}万元",
            "{share}的员工在{place}", "{product}降价{percent}", "库存减少{nn}天", "{team}迁往{place}",
            "税率为{percent}",
        ),
        "financial.outlook_title": ("{next_year}年展望", "下一步工作", "明年计划", "工作安排", "{next_year}年预算"),
        "financial.outlook": (
            "预计{next_year}年收入为{nnn}万元。", "公司将{measure}，并{measure}。",
            "如果{reason}，利润可能下降{percent}。", "计划在{place}投资{nnn}万元。",
            "{team}认为{product}的需求稳定。", "预算假定{place}增长{percent}。",
        ),
        "financial.step": (
            "{measure}", "在{place}{measure}", "{date}前报送{team}", "与{person}核对{document}",
            "向{place}推出{product}", "准备资金{nnn}万元", "请{team}报价",
        ),
        "invoice.title": (
            "发票{year}{nnn}号", "销售发票第{nnn}号", "付款通知单", "{company}结算单", "送货单{nnn}{nn}",
            "费用清单{nnn}",
        ),
        "invoice.parties": (
            "购买方：{company}，{place}{street}{nn}号", "客户：{company}，联系人{person}",
            "收货人：{person}，{place}{street}{nn}号", "销售方：{company}；购买方：{company}", "付款单位：{company}",
        ),
        "invoice.order": (
            "订单日期：{date}，编号{nnn}{nn}。", "贵公司{date}的订货已送达。", "合同编号：{nnn}{nn}，{place}发货。",
            "以下货物已由{person}验收。", "按{date}的约定结算如下：",
        ),
        "invoice.subtotal": ("小计：{value}", "不含税金额：{value}", "货款：{value}"),
        "invoice.tax": ("税额（{rate}）：{value}", "增值税{rate}：{value}"),
        "invoice.total": ("合计：{value}", "应付总额：{value}", "价税合计：{value}"),
        "invoice.terms_title": ("付款说明", "付款方式", "交货与付款", "备注", "注意事项"),
        "invoice.terms": (
            "请在{date}前付款，并注明编号{nnn}{nn}。", "{nn}天内付款可优惠{n}%。", "货款付清前，货物归我方所有。",
            "如有疑问，请与{person}联系。", "只接受银行转账。", "退货请在{date}前办理。",
            "我方在{place}的开户银行已更名。",
        ),
        "invoice.lead": (
            "{name}按下式计算：", "{nn}天后，{name}为：", "本合同的{name}为：", "从{date}起，{name}为：",
        ),
        "invoice.step": (
            "收货时检查包装", "{n}天内报告损坏", "注明编号{nnn}", "把{document}交给{person}", "保存单据{nn}天",
            "货到付款{nnn}元", "在{document}上签字", "空箱退回{place}",
        ),
        "lab.title": ("实验{nn}：{title}", "{title}", "{title}实验报告", "第{n}组：{title}"),
        "lab.setup": (
            "{date}由{person}用{apparatus}测量。", "使用{apparatus}和{apparatus}。",
            "室温{nn} °C，每个值读{n}次取平均。", "样品来自{place}，批号{nnn}。", "每隔{n}分钟读数一次。",
            "测量前{apparatus}已调零。",
        ),
        "lab.analysis_title": ("数据处理", "结果分析", "误差分析", "讨论", "计算", "原理"),
        "lab.lead": (
            "{name}由下式求得：", "根据理论，{name}满足：", "第{n}次测量的{name}为：", "全部数据代入下式求{name}：",
            "教材给出的{name}为：",
        ),
        "lab.symbol": (
            "式中<symbol>为{name}。", "这里<symbol>表示{name}。", "测得的<symbol>偏大{percent}。",
            "重复第{n}次，<symbol>变化{percent}。", "估计<symbol>的误差为{percent}。",
        ),
        "lab.section": ("备注", "误差来源", "改进意见", "安全要求", "现象"),
        "lab.note": (
            "{apparatus}偏差{percent}", "第{n}次重做", "忽略空气阻力", "读数保留{n}位", "室温{nn} °C",
            "热量损失约{percent}", "第{n}个点异常", "下次更换{apparatus}", "{person}检查零点", "间隔{n}分钟",
            "再测{nn}次", "使用前清洗量筒",
        ),
        "lab.conclusion": (
            "结果与理论值相差{percent}。", "第{n}次偏差最大。", "增加测量次数可以减小误差。",
            "在{percent}以内结果不变。", "建议改用{apparatus}。",
        ),
        "memo.title": (
            "关于{subject}的通知", "{subject}通知", "{date}会议纪要", "{subject}", "{team}工作简报",
            "关于{subject}的说明",
        ),
        "memo.line": (
            "{person}致{team}，{date}", "发送：{team}；抄送：{team}", "{place}，{date}",
            "出席：{person}、{person}、{person}", "主持人：{person}；记录：{person}",
        ),
        "memo.opening": (
            "从{date}起，{subject}按新规定执行。", "{weekday}会议讨论了{subject}。", "上月{subject}支出{nnn}元。",
            "由于{reason}，{subject}推迟进行。", "{subject}改由{team}负责。", "请在{weekday}前看完{document}。",
            "{place}办公室{weekday}{time}关门。", "只有{share}的员工答复了问题。", "{company}提供了更好的{product}。",
        ),
        "memo.body": (
            "有问题请找{person}。", "{team}的工作不变。", "会议{time}开始，请准时。", "预算为{nnn}万元。",
            "{document}放在前台。", "我们计划{measure}。", "{team}和{team}共同完成。", "预计有{nn}位客人来访。",
            "试点表明{share}的人满意。",
        ),
        "memo.decisions": ("会议决定", "主要内容", "要点", "具体规定", "议题"),
        "memo.actions": ("工作安排", "待办事项", "下一步", "分工"),
        "memo.bullet": (
            "{subject}不变", "{measure}", "每人限{nnn}元", "{team}检查{document}", "新日期：{date}",
            "{person}负责项目", "报销{share}", "{time}开门", "{subject}移到{place}", "表格交给{person}",
            "旧证{date}失效",
        ),
        "memo.action": (
            "{person}{weekday}前提交{document}", "{team}{measure}", "订购{product}{nn}套", "{date}预订会议室",
            "与{company}联系", "{person}修改{document}", "请{team}提供数据", "{person}去{place}", "{date}前收集意见",
            "打印{nnn}份",
        ),
        "table.before": ("{last_year}年", "上年", "上期"),
        "table.now": ("{year}年", "本年", "本期"),
        "table.change": ("同比增长", "变化", "增减"),
        "table.plan": ("预算", "计划"),
        "table.actual": ("实际", "完成"),
        "table.revenue": ("营收(万元)", "收入(万元)", "销售额"),
        "table.share": ("占比", "比重"),
        "table.units": ("数量", "订单", "销量"),
        "table.total": ("合计", "总计"),
        "table.number": ("序号", "编号"),
        "table.item": ("品名", "项目", "货物名称"),
        "table.quantity": ("数量", "件数"),
        "table.price": ("单价", "价格"),
        "table.amount": ("金额", "总价"),
    }
)  # fmt: skip

_KEY_COLUMNS = MappingProxyType(
    {
        "地区": ("华北", "华东", "华南", "西南", "西北", "东北", "海外"),
        "产品": ("水泵", "电机", "灯具", "轮胎", "纸张", "电池", "玻璃", "软件"),
        "分公司": ("北京", "上海", "广州", "武汉", "成都", "西安", "南京", "大连"),
        "业务": ("零售", "批发", "出口", "服务", "租赁", "维修", "培训"),
        "项目": ("工资", "能源", "运费", "房租", "利息", "税金", "维修", "保险"),
    }
)  # fmt: skip

_EXPERIMENTS = MappingProxyType(
    {
        "density": ExperimentWords(
            titles=("金属的密度", "测量固体密度"),
            aims=("称量金属块，再放入水中。",),
            headers=("次数", "质量(g)", "体积(mL)", "密度"),
        ),
        "pendulum": ExperimentWords(
            titles=("单摆", "用单摆测重力"),
            aims=("记录十次摆动的时间。", "只改变摆长。"),
            headers=("次数", "摆长(m)", "周期(s)"),
        ),
        "ohm": ExperimentWords(
            titles=("电阻的测量", "电流与电压"),
            aims=("电压逐级升高。",),
            headers=("序号", "U(V)", "I(mA)", "R(ohm)"),
        ),
        "fall": ExperimentWords(
            titles=("自由落体", "落球实验"),
            aims=("钢球从不同高度落下。",),
            headers=("次数", "高度(m)", "时间(s)"),
        ),
        "cooling": ExperimentWords(
            titles=("热水的冷却", "降温曲线"),
            aims=("热水在杯中冷却。",),
            headers=("序号", "时间(min)", "温度(°C)"),
        ),
        "spring": ExperimentWords(
            titles=("弹性定律", "测定弹性系数"),
            aims=("逐个加上重物。",),
            headers=("次数", "力(N)", "伸长(cm)", "k(N/m)"),
        ),
        "lens": ExperimentWords(
            titles=("薄透镜", "测量焦距"),
            aims=("移动光屏，直到像清楚。",),
            headers=("次数", "a(cm)", "b(cm)", "f(cm)"),
        ),
        "titration": ExperimentWords(
            titles=("酸的浓度", "滴定"),
            aims=("终点为浅红色。",),
            headers=("序号", "始(mL)", "终(mL)", "用量(mL)"),
        ),
        "gas": ExperimentWords(
            titles=("气体的压力与体积",),
            aims=("温度保持不变，慢慢加压。",),
            headers=("次数", "p(kPa)", "V(mL)"),
        ),
        "growth": ExperimentWords(
            titles=("细胞的增长", "细胞计数"),
            aims=("每小时计数一次。",),
            headers=("样品", "时间(h)", "细胞数"),
        ),
    }
)  # fmt: skip

_FORMULA_NAMES = MappingProxyType(
    {
        "change_rate": ("增长率", "同比增长率"),
        "margin": ("利润率", "毛利率"),
        "compound": ("本利和", "终值"),
        "annual_growth": ("年均增长率", "平均增长率"),
        "present_value": ("现值", "净现值"),
        "break_even": ("保本销量", "保本点"),
        "weighted_mean": ("平均价格", "加权平均数"),
        "variance": ("方差",),
        "elasticity": ("价格弹性", "需求弹性"),
        "return_on_equity": ("资本收益率", "净资产收益率"),
        "turnover": ("存货周转率", "周转率"),
        "interest": ("利息", "逾期利息"),
        "discount": ("优惠价", "折后价"),
        "price_index": ("调整价格", "新价格"),
        "mean_value": ("平均值",),
        "deviation": ("标准差", "标准偏差"),
        "error": ("相对误差",),
        "slope": ("斜率",),
        "propagation": ("合成误差", "总误差"),
        "density": ("密度",),
        "pendulum": ("重力加速度",),
        "ohm": ("电阻",),
        "fall": ("加速度",),
        "cooling": ("温度",),
        "spring": ("弹性系数",),
        "lens": ("焦距",),
        "titration": ("浓度",),
        "gas": ("压力",),
        "growth": ("细胞数",),
    }
)  # fmt: skip

PHRASES = Phrases(
    language="zh",
    capitalised=False,
    slots=_SLOTS,
    texts=_TEXTS,
    key_columns=_KEY_COLUMNS,
    experiments=_EXPERIMENTS,
    formula_names=_FORMULA_NAMES,
    currencies=("¥",),
    months=tuple(str(month) for month in range(1, 13)),
    date_form="{year}年{month}月{day}日",
)
