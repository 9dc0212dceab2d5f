"""The vendor's own SDK against the simulator: unchanged, only its base address is another.

Usage: sdk.py BASE_URL TOKEN HASHTAG HANDLE. Prints one JSON object with what it was given.
"""

import asyncio
import datetime
import json
import sys

import ensembledata.api._requester as requester
from ensembledata.api import EDAsyncClient, EDClient, EDError

base_url, token, hashtag, handle = sys.argv[1:]
requester.BASE_URL = base_url


def refusal(call):
    try:
        call()
    except EDError as error:
        return {"status": error.status_code, "detail": error.detail, "units": int(error.units_charged)}
    raise AssertionError("the call was not refused")


def main():
    client = EDClient(token)
    tiktok = client.tiktok
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    said = {}

    handles, posts, cursor, pages, units = [], [], 0, 0, 0
    while cursor is not None and pages < 200:
        answer = tiktok.hashtag_search(hashtag=hashtag, cursor=cursor)
        rows, following = answer.data["data"], answer.data.get("nextCursor")
        handles += [row["author"]["unique_id"] for row in rows]
        posts += [row["aweme_id"] for row in rows]
        pages, units = pages + 1, units + int(answer.units_charged)
        cursor = None if following == cursor else following
    said["hashtag"] = {"handles": sorted(set(handles)), "posts": len(posts), "pages": pages, "units": units}

    profile = tiktok.user_info_from_username(username=handle)
    user, stats = profile.data["user"], profile.data["stats"]
    keys = {"uid": user["id"], "sec_uid": user["secUid"]}
    said["profile"] = {
        "status": profile.status_code, "handle": user["uniqueId"], "followers": stats["followerCount"], **keys,
    }
    by_key = tiktok.user_info_from_secuid(sec_uid=keys["sec_uid"])
    said["by_key"] = by_key.data["user"]["unique_id"]

    own = tiktok.user_posts_from_secuid(sec_uid=keys["sec_uid"], depth=1)
    said["own_posts"] = sorted({post["author"]["unique_id"] for post in own.data["data"]})
    said["batch"] = len(tiktok.multi_post_info(aweme_ids=posts[:10]).data)
    said["people_found"] = len(tiktok.user_search(keyword="a", cursor=0).data["users"])
    said["followers"] = len(tiktok.user_followers(id=keys["uid"], sec_uid=keys["sec_uid"]).data["followers"])
    said["comments"] = len(tiktok.post_comments(aweme_id=posts[0]).data["comments"])
    said["used"] = client.customer.get_usage(date=today).data

    said["nobody"] = tiktok.user_info_from_secuid(sec_uid="MS4wLjABAAAAmadeUp_-nobody").data
    said["wrong_token"] = refusal(
        lambda: EDClient("wrong-token-0001").tiktok.user_info_from_username(username=handle)
    )

    async def asynchronously():
        answer = await EDAsyncClient(token).tiktok.user_info_from_username(username=handle)
        return answer.data["user"]["uniqueId"]

    said["async"] = asyncio.run(asynchronously())
    print(json.dumps(said))


main()
