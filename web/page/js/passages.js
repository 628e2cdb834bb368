// Something to read aloud for about a minute; it becomes the transcript. Written for this page.

/** @type {Record<string, string>} */
export const PASSAGES = {
  en: `Every morning the old ferry leaves the harbour before the sun is up. The captain checks the ropes, pours a cup of tea, and listens to the weather on a small radio. Nobody hurries. Gulls follow the boat and shout at each other, as if they had something urgent to discuss. In the middle of the bay the water turns from grey to green, and for a moment both shores look equally far away. A boy with a yellow jacket counts the islands: one, two, three, and a fourth that is only a rock. His grandmother laughs and says that a rock can be an island, if you are patient enough. Then the bells of the other town begin to ring, the engine slows down, and everyone reaches for their bags.`,
  zh: `每天清晨，天还没亮，老渡船就离开了港口。船长检查缆绳，泡上一杯热茶，打开小收音机听天气预报。没有人着急。海鸥跟在船后面，大声地叫着，好像有什么要紧的事情要商量。到了海湾中央，水从灰色变成了绿色，一时间两边的岸看起来一样遥远。一个穿黄外套的男孩数着小岛：一个，两个，三个，第四个只是一块礁石。奶奶笑着说，只要有耐心，礁石也可以是一座岛。后来对岸小镇的钟声响了起来，马达慢慢停下，大家都伸手去拿自己的行李。下船的时候，男孩回头看了看，海面上只剩下一道长长的白色水纹。`,
};
