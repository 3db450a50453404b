//! The words that scenarios are made of. All made up.

/// How a name may begin, go on and end.
pub(super) const NAME_FIRST: &[&str] = &[
    "爱吃", "不会飞的", "深夜", "江南", "一只", "路过的", "暴躁", "温柔的", "想睡觉的", "云上", "南方", "北极",
    "骑着", "会游泳的", "慢半拍", "快乐的", "迷路的", "拿铁", "二十岁的", "住在月亮上的", "安静的", "反方向的",
    "卖", "追风的",
];
pub(super) const NAME_SECOND: &[&str] = &[
    "小鱼干", "老猫", "汽水", "橘子", "企鹅", "土豆", "星星", "西瓜皮", "小笼包", "长颈鹿", "阿强", "豆腐",
    "晚风", "仙人掌", "胡萝卜", "柠檬", "熊猫", "石头", "书签", "河马", "年糕", "雨伞", "蘑菇", "海豚", "麦子",
    "番茄",
];
pub(super) const NAME_THIRD: &[&str] = &[
    "", "", "", "", "丶", "灬", "_", "呀", "酱", "er", "y", "OvO",
];
/// Names that a careless program trips over.
pub(super) const ODD_NAMES: &[&str] = &[
    "a/b的猫", "@小助手", "甲@乙/丙", "😀开心鱼🐟", "x@=y", "👨‍👩‍👧全家桶", "ᴅᴀɴᴍᴜ", "  空 格  ", "\"引号\"",
    "<b>粗</b>", "=1+1", "ﷺ长名", "q̶u̶e̶e̶n̶", "名字里有@S和@A", "\\",
];
/// Names of fan medals.
pub(super) const MEDALS: &[&str] = &[
    "小鱼干", "星河", "汽水", "大橘", "月饼", "云朵", "晚安", "拿铁", "土豆", "雪人", "风车", "海盐", "麦浪",
    "企鹅", "石榴", "Q糖", "AK", "蘑菇云",
];
/// Names of streamers.
pub(super) const STREAMERS: &[&str] = &[
    "阿岚", "老街坊", "鹿小满", "夜航船", "大山哥", "糯米团", "七号机", "北斗",
];
/// What is said again and again.
pub(super) const COMMON: &[&str] = &[
    "666", "6", "哈哈哈哈哈哈", "？？？", "主播好", "来了来了", "晚上好", "这也行？", "笑死我了", "可以可以",
    "牛啊", "gg", "再来一把", "下播了吗", "谢谢老板", "[emot:dy110]", "[emot:dy101][emot:dy101]",
    "[emot:dy128]哈哈", "啊？", "就这", "难受", "稳住", "冲冲冲", "上上上", "别急", "1", "11111", "好听",
    "太菜了", "没了没了",
];
/// What may come before something.
pub(super) const OPENING: &[&str] = &[
    "", "", "", "我觉得", "主播", "说真的，", "今天", "不是吧", "刚来，", "有没有人知道", "弱弱问一句",
];
/// Something.
pub(super) const MIDDLE: &[&str] = &[
    "这波操作", "这个阵容", "这首歌", "中路", "队友", "这把", "新版本", "那个画面", "昨天的比赛", "麦克风",
    "这游戏", "对面打野", "下一局", "你的猫", "这张图",
];
/// What may be said of it.
pub(super) const CLOSING: &[&str] = &[
    "太秀了", "看不懂", "还能这么玩", "什么时候出", "好像没声音", "真的可以", "我奶奶都会", "要翻车了",
    "叫什么名字", "绝对有问题", "值得再看一遍[emot:dy110]", "我给满分💯", "卡了吗", "让我想起小时候",
    "，你说对吧🤔",
];
/// What a careless program trips over, and what people do say.
pub(super) const HARD: &[&str] = &[
    "1/2", "a@=b", "@Alice 你好", "@Sakura 来了", "@S", "@A@S@AS", "https://www.douyu.com/topic/x?rid=1&y=2",
    "//", "http://t.cn/x/", "type@=chatmsg/txt@=假的/", "24/7 在线 @所有人", "😀😃😄🥰👨‍👩‍👧‍👦🇨🇳",
    "第一行\n第二行", "C:\\路径\\", "<script>alert(1)</script>", "'; drop table chat; --", "=1+1",
    "{\"json\": [1, 2]}", "ＡＢＣ１２３", "العربية مرحبا", "\u{202e}倒着写", "零宽\u{200b}空格", "#点歌 晴天",
    "#sc 大家好", "制表\t符", "\u{7}响铃", "\u{1b}[31m红色\u{1b}[0m", " ", "[emot:dy110][emot:不存在]",
    "&lt;&amp;", "%s%d%n", "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十",
];
/// What is said for money.
pub(super) const PAID: &[&str] = &[
    "主播辛苦了，早点休息，明天继续加油！", "能不能来一首老歌，随便哪首都行", "祝大家天天开心，万事如意🎉",
    "从第一天就在看了，一直支持你", "今天生日，求一句祝福", "点歌：一首关于夏天的歌/最好是慢的",
    "@全体 记得关注直播间",
];
